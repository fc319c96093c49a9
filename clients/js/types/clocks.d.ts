/**
 * A local day by its date.
 * @param {string} date
 * @param {string} tz
 * @returns {{ start: number, end: number }}
 */
export function localDay(date: string, tz: string): {
    start: number;
    end: number;
};
/**
 * @param {number} instant
 * @param {string} tz
 */
export function localDate(instant: number, tz: string): string;
/**
 * `09:15`.
 * @param {number} instant
 * @param {string} tz
 */
export function localClock(instant: number, tz: string): string;
