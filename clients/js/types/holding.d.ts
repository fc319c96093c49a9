export class Holding {
    /**
     * @param {HoldPlaced} placed
     * @param {{ keep: () => Promise<HoldKept>, release: () => Promise<unknown> }} by
     */
    constructor(placed: HoldPlaced, { keep, release }: {
        keep: () => Promise<HoldKept>;
        release: () => Promise<unknown>;
    });
    placed: HoldPlaced;
    expiresAt: string;
    /** Its name. */
    get hold(): string;
    /** Aborted when the hold is lost: its reason is the problem. */
    get lost(): AbortSignal;
    /** No more heartbeats: because it was booked, or because it may end as it likes. */
    stop(): void;
    /** Let go of it. */
    release(): Promise<void>;
    #private;
}
import type { HoldPlaced } from "./wire.js";
import type { HoldKept } from "./wire.js";
