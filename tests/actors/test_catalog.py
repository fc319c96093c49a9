"""The rules of the catalog, each as given, when, then; and the whole of it beside a naive model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from actors.catalog import (
    CATALOG,
    CatalogCommand,
    CatalogPolicy,
    ListResources,
    PutResource,
    RetireResource,
    evolve,
)
from actors.decider import Decision, Refusal
from actors.specification import given
from events.catalog import Catalog, Resource, ResourcePut, ResourceRetired
from events.codec import canonical

STUDIO = Resource("studio", "Studio A", "Europe/Berlin", 2)
ATTIC = Resource("attic", "attic", "UTC")


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
        "zone", ["", ".", "Europe", "Europe/Nowhere", "Europe/Berlin ", "../UTC", "/etc/localtime", "UTC\0", "Zürich"]
    )
    def test_a_time_zone_is_one_that_exists(self, zone: str) -> None:
        """The name of a folder, of a path, or of nothing is no time zone."""
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
            reply={"resources": [ATTIC, STUDIO]}
        )

    def test_retired_ones_are_listed_only_when_asked_for(self) -> None:
        """Without being asked for, they are as good as gone."""
        some = given(CATALOG, ResourcePut(STUDIO), ResourcePut(ATTIC), ResourceRetired("attic"))
        some.when(ListResources()).then_nothing(reply={"resources": [STUDIO]})
        some.when(ListResources(retired=True)).then_nothing(reply={"resources": [ATTIC, STUDIO]})

    def test_an_empty_catalog_lists_nothing(self) -> None:
        """A new organisation has no resources."""
        given(CATALOG).when(ListResources()).then_nothing(reply={"resources": []})


def test_a_catalog_never_wakes() -> None:
    """It has no timers, and so takes no Tick, from anyone."""
    given(CATALOG).when(PutResource("attic", "UTC")).wakes_at(None)
    with pytest.raises(ValueError, match="tick"):
        CATALOG.read_command(b'{"command":"tick"}')


IDS = st.sampled_from(["a", "b", "c", "d", "B", "a.b", ""])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Nowhere"])


class BesideAModel(RuleBasedStateMachine):
    """Any sequence of commands leaves the catalog as a dictionary of rows says, and a replay of its facts agrees."""

    policy = CatalogPolicy(resources_max=3, name_characters_max=3, capacity_max=5)
    put = Bundle("put")

    def __init__(self) -> None:
        super().__init__()
        self.catalog = Catalog()
        self.facts: list[Any] = []
        self.rows: dict[str, tuple[str, str, int]] = {}
        self.retired: set[str] = set()

    def ask(self, command: CatalogCommand) -> Decision[Any] | Refusal:
        outcome = CATALOG.decide(self.catalog, command, 0, self.policy)
        for fact in outcome.facts if isinstance(outcome, Decision) else ():
            self.catalog = evolve(self.catalog, fact, 0)
            self.facts.append(fact)
        return outcome

    @rule(target=put, id=IDS, zone=ZONES, name=st.sampled_from(["", "x", "long"]), capacity=st.integers(-1, 6))
    def put_one(self, id: str, zone: str, name: str, capacity: int) -> str:
        outcome = self.ask(PutResource(id, zone, name, capacity))
        fits = len(id) == 1 and id.islower() and zone != "Nowhere" and len(name) <= 3 and 1 <= capacity <= 5
        if fits and (id in self.rows or len(self.rows) < 3):
            row = (name or id, zone, capacity)
            assert isinstance(outcome, Decision)
            assert bool(outcome.facts) == (self.rows.get(id) != row or id in self.retired)
            self.rows[id] = row
            self.retired.discard(id)
        else:
            assert isinstance(outcome, Refusal)
        return id

    @rule(id=put)
    def retire_one(self, id: str) -> None:
        outcome = self.ask(RetireResource(id))
        if id in self.rows:
            assert isinstance(outcome, Decision) and bool(outcome.facts) == (id not in self.retired)
            self.retired.add(id)
        else:
            assert outcome == Refusal("unknown_resource", f"there is no resource {id!r}")

    @invariant()
    def lists_what_the_model_holds(self) -> None:
        for retired in (False, True):
            shown = {id: row for id, row in self.rows.items() if retired or id not in self.retired}
            expected = [Resource(id, *shown[id]) for id in sorted(shown)]
            assert self.ask(ListResources(retired)) == Decision((), {"resources": expected})

    @invariant()
    def a_replay_agrees(self) -> None:
        replayed = Catalog()
        for fact in self.facts:
            replayed = evolve(replayed, fact, 0)
        assert canonical(replayed) == canonical(self.catalog)


TestBesideAModel = BesideAModel.TestCase
TestBesideAModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
