"""The rules of the catalog about resources, each as given, when, then."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.catalog import CATALOG, CatalogPolicy, ListResources, PutResource, RetireResource, ShowResource, decide
from actors.decider import Refusal
from actors.specification import given
from events.catalog import Catalog, Resource, ResourcePut, ResourceRetired, Schedule, SchedulePut, ScheduleRemoved
from events.codec import canonical

STUDIO = Resource("studio", "Studio A", "Europe/Berlin", 2)
ATTIC = Resource("attic", "attic", "UTC")
BARN = Resource("barn", "barn", "UTC")
LATE = Schedule("late", "late", "UTC")
SMALL = CatalogPolicy(
    name_characters_max=10,
    description_characters_max=20,
    metadata_entries_max=2,
    metadata_key_characters_max=3,
    metadata_value_characters_max=4,
)


def listed(*resources: Resource, retired: list[str] | None = None) -> dict[str, Any]:
    """The answer to a listing of resources that nothing is linked to."""
    return {
        "resources": list(resources),
        "links": {resource.id: [] for resource in resources},
        "retired": retired or [],
    }


class TestPutting:
    def test_a_resource_is_put(self) -> None:
        """A new resource is recorded with all that was said, and given back."""
        given(CATALOG).when(PutResource("studio", "Europe/Berlin", "Studio A", 2)).then(ResourcePut(STUDIO)).replies(
            STUDIO
        )

    def test_a_name_is_the_id_unless_said(self) -> None:
        """A resource without a name goes by its id, and holds one unit unless said."""
        given(CATALOG).when(PutResource("attic", "UTC")).then(ResourcePut(ATTIC)).replies(ATTIC)

    def test_the_same_again_changes_nothing(self) -> None:
        """What is put already is accepted without a fact."""
        given(CATALOG, ResourcePut(STUDIO)).when(PutResource("studio", "Europe/Berlin", "Studio A", 2)).then_nothing(
            reply=STUDIO
        )

    @pytest.mark.parametrize(
        "changed",
        [
            Resource("studio", "Studio B", "Europe/Berlin", 2),
            Resource("studio", "Studio A", "Europe/Paris", 2),
            Resource("studio", "Studio A", "Europe/Berlin", 3),
        ],
    )
    def test_any_change_is_recorded_whole(self, changed: Resource) -> None:
        """Another name, time zone or capacity puts the whole resource anew."""
        command = PutResource(changed.id, changed.time_zone, changed.name, changed.capacity)
        given(CATALOG, ResourcePut(STUDIO)).when(command).then(ResourcePut(changed)).replies(changed)

    def test_what_was_retired_can_be_put_again(self) -> None:
        """A retired resource comes back by being put, even exactly as it was."""
        given(CATALOG, ResourcePut(STUDIO), ResourceRetired("studio")).when(
            PutResource("studio", "Europe/Berlin", "Studio A", 2)
        ).then(ResourcePut(STUDIO)).replies(STUDIO)

    @pytest.mark.parametrize(
        "id", ["", "Studio", "stu.dio", "stu dio", "-studio", "studio\n", "s" * 65, "ſtudio", "*", ">"]
    )
    def test_an_id_follows_the_grammar(self, id: str) -> None:
        """An id that could not be a token of an actor's name is refused."""
        given(CATALOG).when(PutResource(id, "UTC")).then_refused("bad_identifier")

    def test_the_longest_id_is_accepted(self) -> None:
        """Sixty-four characters are an identifier."""
        id = "s" * 64
        given(CATALOG).when(PutResource(id, "UTC")).then(ResourcePut(Resource(id, id, "UTC")))

    @pytest.mark.parametrize(
        "zone",
        ["", ".", "Europe", "Europe/Nowhere", "Europe/Berlin ", "../UTC", "/etc/localtime", "UTC\0", "Zürich", "utc"],
    )
    def test_a_time_zone_is_one_that_exists(self, zone: str) -> None:
        """The name of a folder, of a path, or of nothing is no time zone."""
        given(CATALOG).when(PutResource("studio", zone)).then_refused("unknown_time_zone")

    @pytest.mark.parametrize("zone", ["localtime", "posixrules", "Factory", "posix/UTC", "right/UTC", "zone.tab"])
    def test_a_time_zone_is_the_same_on_every_machine(self, zone: str) -> None:
        """What else may lie beside the zones of a machine is none of them, whether it lies there or not."""
        given(CATALOG).when(PutResource("studio", zone)).then_refused("unknown_time_zone")

    @pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Pacific/Chatham"])
    def test_every_known_time_zone_is_accepted(self, zone: str) -> None:
        """Names of the IANA database are accepted, those with three parts too."""
        given(CATALOG).when(PutResource("studio", zone)).then(ResourcePut(Resource("studio", "studio", zone)))

    @pytest.mark.parametrize("capacity", [0, -1, 11])
    def test_a_capacity_lies_within_its_bounds(self, capacity: int) -> None:
        """None, less than none, and more than the policy allows are refused."""
        policy = CatalogPolicy(capacity_max=10)
        given(CATALOG).when(PutResource("studio", "UTC", capacity=capacity), policy=policy).then_refused("bad_capacity")

    def test_the_largest_capacity_is_accepted(self) -> None:
        """The policy's bound itself is within it."""
        given(CATALOG).when(PutResource("studio", "UTC", capacity=10), policy=CatalogPolicy(capacity_max=10)).then(
            ResourcePut(Resource("studio", "studio", "UTC", 10))
        )

    def test_a_name_has_a_longest_length(self) -> None:
        """A name of the longest length is accepted, one character more is refused."""
        policy = CatalogPolicy(name_characters_max=5)
        given(CATALOG).when(PutResource("studio", "UTC", "Fünf!"), policy=policy).then(
            ResourcePut(Resource("studio", "Fünf!", "UTC"))
        )
        given(CATALOG).when(PutResource("studio", "UTC", "Sechs!"), policy=policy).then_refused("name_too_long")

    def test_a_full_catalog_takes_nothing_new(self) -> None:
        """Retired resources count, for their ids stay taken."""
        full = given(CATALOG, ResourcePut(STUDIO), ResourcePut(ATTIC), ResourceRetired("attic"))
        policy = CatalogPolicy(resources_max=2)
        full.when(PutResource("cellar", "UTC"), policy=policy).then_refused("too_many_resources")

    def test_a_full_catalog_still_changes_what_it_has(self) -> None:
        """Changing a resource, and putting a retired one again, needs no new room."""
        full = given(CATALOG, ResourcePut(STUDIO), ResourcePut(ATTIC), ResourceRetired("attic"))
        policy = CatalogPolicy(resources_max=2)
        full.when(PutResource("studio", "UTC"), policy=policy).then(ResourcePut(Resource("studio", "studio", "UTC")))
        full.when(PutResource("attic", "UTC"), policy=policy).then(ResourcePut(ATTIC))


class TestRetiring:
    def test_a_resource_is_retired(self) -> None:
        """An active resource is taken out of use."""
        given(CATALOG, ResourcePut(STUDIO)).when(RetireResource("studio")).then(ResourceRetired("studio")).replies(
            {"id": "studio"}
        )

    def test_retiring_twice_changes_nothing(self) -> None:
        """What is retired already is accepted without a fact."""
        given(CATALOG, ResourcePut(STUDIO), ResourceRetired("studio")).when(RetireResource("studio")).then_nothing(
            reply={"id": "studio"}
        )

    def test_only_what_there_is_can_be_retired(self) -> None:
        """An unknown resource is refused."""
        given(CATALOG, ResourcePut(STUDIO)).when(RetireResource("attic")).then_refused("unknown_resource")


class TestListing:
    def test_a_list_is_ordered_by_id(self) -> None:
        """Whatever the order in which they came."""
        given(CATALOG, ResourcePut(STUDIO), ResourcePut(ATTIC)).when(ListResources()).then_nothing(
            reply=listed(ATTIC, STUDIO)
        )

    def test_retired_ones_are_listed_only_when_asked_for(self) -> None:
        """Without being asked for, they are as good as gone; with it, it is said which they are."""
        some = given(CATALOG, ResourcePut(STUDIO), ResourcePut(ATTIC), ResourceRetired("attic"))
        some.when(ListResources()).then_nothing(reply=listed(STUDIO))
        some.when(ListResources(retired=True)).then_nothing(reply=listed(ATTIC, STUDIO, retired=["attic"]))

    def test_an_empty_catalog_lists_nothing(self) -> None:
        """A new organisation has no resources."""
        given(CATALOG).when(ListResources()).then_nothing(reply=listed())

    def test_a_long_list_can_be_asked_for_in_pages(self) -> None:
        """Each begins behind the last id of the one before, and none is larger than asked for."""
        some = given(CATALOG, ResourcePut(STUDIO), ResourcePut(ATTIC), ResourcePut(BARN))
        some.when(ListResources(most=2)).then_nothing(reply=listed(ATTIC, BARN))
        some.when(ListResources(most=2, after="barn")).then_nothing(reply=listed(STUDIO))
        some.when(ListResources(most=2, after="studio")).then_nothing(reply=listed())

    def test_a_page_is_not_smaller_than_nothing(self) -> None:
        """A negative size is no command."""
        with pytest.raises(msgspec.ValidationError, match="most"):
            CATALOG.read_command(b'{"command":"list_resources","most":-1}')

    def test_one_is_shown_retired_or_not(self) -> None:
        """With the event types that can book it."""
        some = given(CATALOG, ResourcePut(STUDIO), ResourcePut(ATTIC), ResourceRetired("attic"))
        some.when(ShowResource("studio")).then_nothing(reply={"resource": STUDIO, "event_types": [], "retired": False})
        some.when(ShowResource("attic")).then_nothing(reply={"resource": ATTIC, "event_types": [], "retired": True})
        some.when(ShowResource("cellar")).then_refused("unknown_resource")


class TestMore:
    """What a resource may have beside its place and size."""

    def test_all_of_it_is_recorded(self) -> None:
        """Type, description, schedule, whether it stands alone, metadata."""
        whole = Resource(
            "mic", "Mic", "UTC", 4, "microphone", "Cardioid.\nBring cables.", "late", False, {"shelf": "3", "fee": ""}
        )
        given(CATALOG, SchedulePut(LATE)).when(
            PutResource(
                "mic",
                "UTC",
                "Mic",
                4,
                type="microphone",
                description="Cardioid.\nBring cables.",
                schedule="late",
                standalone=False,
                metadata={"shelf": "3", "fee": ""},
            )
        ).then(ResourcePut(whole)).replies(whole)

    def test_its_schedule_is_one_that_there_is(self) -> None:
        """Also when a retired resource comes back to find it removed."""
        given(CATALOG).when(PutResource("mic", "UTC", schedule="late")).then_refused("unknown_schedule")
        back = given(CATALOG, SchedulePut(LATE), ResourcePut(msgspec.structs.replace(ATTIC, schedule="late")))
        back = back.given(ResourceRetired("attic"), ScheduleRemoved("late"), at=1)
        back.when(PutResource("attic", "UTC", schedule="late")).then_refused("unknown_schedule")

    @pytest.mark.parametrize(
        ("command", "code"),
        [
            (PutResource("a", "UTC", type="x" * 11), "type_too_long"),
            (PutResource("a", "UTC", description="x" * 21), "description_too_long"),
            (PutResource("a", "UTC", metadata={"a": "", "b": "", "c": ""}), "too_much_metadata"),
            (PutResource("a", "UTC", metadata={"abcd": ""}), "metadata_key_too_long"),
            (PutResource("a", "UTC", metadata={"abc": "12345"}), "metadata_value_too_long"),
            (PutResource("a", "UTC", metadata={"": "1"}), "bad_text"),
            (PutResource("a", "UTC", metadata={"a\n": "1"}), "bad_text"),
            (PutResource("a", "UTC", metadata={"a": "\t"}), "bad_text"),
        ],
    )
    def test_none_of_it_is_without_limits(self, command: PutResource, code: str) -> None:
        """Every text and every count has its longest."""
        given(CATALOG).when(command, policy=SMALL).then_refused(code)

    def test_the_limits_themselves_are_within_them(self) -> None:
        """The longest that there may be is accepted."""
        whole = Resource("a", "ä" * 10, "UTC", 1, "x" * 10, "\n" * 20, metadata={"abc": "1234", "b": ""})
        given(CATALOG).when(
            PutResource("a", "UTC", "ä" * 10, 1, "x" * 10, description="\n" * 20, metadata={"abc": "1234", "b": ""}),
            policy=SMALL,
        ).then(ResourcePut(whole))


class TestTexts:
    @pytest.mark.parametrize(
        "name", ["Zoë’s «Studio» 1½", "スタジオ", "👩‍🎤 booth", "with\u00a0hard space", "العربية", "e\u0301"]
    )
    def test_text_may_be_in_any_script(self, name: str) -> None:
        """Joined emoji, marks that combine and hard spaces included."""
        given(CATALOG).when(PutResource("a", "UTC", name)).then(ResourcePut(Resource("a", name, "UTC")))

    @pytest.mark.parametrize(
        "name", ["a\nb", "a\tb", "\0", "a\x7f", "a\x9f", "a\u2028b", "a\u2029", "a\r", " ", "\u00a0"]
    )
    def test_a_name_is_one_line_that_can_be_seen(self, name: str) -> None:
        """Control characters, line breaks of any kind and blanks alone are refused."""
        given(CATALOG).when(PutResource("a", "UTC", name)).then_refused("bad_text")

    @pytest.mark.parametrize("text", ["a\tb", "a\r\nb", "a\x1b[31m", "a\u2028b"])
    def test_a_description_may_have_lines_and_no_other_controls(self, text: str) -> None:
        """A newline is the one that there is."""
        given(CATALOG).when(PutResource("a", "UTC", description=text)).then_refused("bad_text")

    @pytest.mark.parametrize("text", ["\ud800", "a\udfff"])
    def test_half_a_surrogate_pair_is_refused(self, text: str) -> None:
        """It can't be written down. Nor can a command that holds one travel: only a caller in the house could try."""
        for command in (
            PutResource("a", "UTC", text),
            PutResource("a", "UTC", metadata={text: ""}),
            PutResource(text, "UTC"),
        ):
            refusal = decide(Catalog(), command, 0, CatalogPolicy())
            assert isinstance(refusal, Refusal)
            assert refusal.code in {"bad_text", "bad_identifier"}
            assert canonical(refusal)

    def test_a_refusal_quotes_no_more_than_fits_a_sentence(self) -> None:
        """Whatever was sent."""
        refusal = decide(Catalog(), PutResource("a", "Z" * 10_000), 0, CatalogPolicy())
        assert isinstance(refusal, Refusal)
        assert len(refusal.detail) < 200
