/** When a resource is open, by its schedule: the week's windows, or those of a date that replace them, or a holiday. */

const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/**
 * Whether each of a day's slots is open: all of them, without a schedule.
 * @param {{ time_zone: string, weekly: object, overrides: object, holidays?: object } | undefined} schedule
 * @param {import("./tidegate/views.js").Day} day
 */
export function openSlots(schedule, day) {
  if (!schedule || schedule.time_zone !== day.tz) return day.slots.map(() => true);
  const weekday = WEEKDAYS[new Date(`${day.date}T00:00Z`).getUTCDay()];
  const usual = schedule.holidays?.[day.date] ? [] : schedule.weekly[weekday];
  const windows = schedule.overrides[day.date] ?? usual ?? [];
  return day.slots.map(({ clock }) => windows.some(({ start, end }) => start <= clock && clock < end));
}
