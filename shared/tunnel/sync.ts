/**
 * Finds streams that one end forgot: both ends tell each other from time to time which streams live.
 *
 * @module
 */

/** Remembers what was missing last time. */
export class SyncCheck {
  #missing = new Set<number>();

  /**
   * Compares the own live streams with what the peer listed. A stream that the peer cannot have
   * seen yet (a newer id of ours) is left alone, and so is one that is missing for the first time:
   * SYNC jumps the queue.
   *
   * @param own ids of streams that live here
   * @param isOurs whether this side opened a stream
   * @param highestPeerId the highest id of ours that the peer has seen
   * @param liveIds what lives at the peer
   * @returns ids to reset: missing for the second time in a row
   */
  check(
    own: Iterable<number>,
    isOurs: (id: number) => boolean,
    highestPeerId: number,
    liveIds: ReadonlySet<number>,
  ): number[] {
    const missing = new Set<number>();
    const gone: number[] = [];
    for (const id of own) {
      if (liveIds.has(id) || (isOurs(id) && id > highestPeerId)) continue;
      if (this.#missing.has(id)) gone.push(id);
      else missing.add(id);
    }
    this.#missing = missing;
    return gone;
  }
}
