/**
 * Writes a list piece by piece: at no time is the whole of it text, and no turn takes long.
 *
 * @module
 */
import type { Stored } from "../store/types.ts";
import { nextTurn, SLICE_CHARS } from "./yielding.ts";

/** How a list is written. */
export interface ListWriter {
  /** Up to the first object. */
  readonly head: string;
  /** An object. */
  readonly item: (stored: Stored) => string;
  /** Between two. */
  readonly separator: string;
  /** After the last. */
  readonly tail: string;
}

/** Writes objects from `at` on until there is enough. */
function slice(
  objects: readonly Stored[],
  { item, separator }: ListWriter,
  at: number,
): { text: string; next: number } {
  let text = "", chars = 0, next = at;
  while (next < objects.length && chars < SLICE_CHARS) {
    const stored = objects[next]!;
    if (next > 0) text += separator;
    text += item(stored);
    chars += stored.json.length;
    next++;
  }
  return { text, next };
}

/**
 * Makes the body of a list.
 *
 * @returns text when it is short, else a stream that writes on as the reader takes
 */
export function listBody(objects: readonly Stored[], writer: ListWriter): BodyInit {
  const first = slice(objects, writer, 0);
  if (first.next === objects.length) return writer.head + first.text + writer.tail;
  const encoder = new TextEncoder();
  let text = writer.head + first.text;
  let next = first.next;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      const end = next === objects.length;
      controller.enqueue(encoder.encode(end ? text + writer.tail : text));
      if (end) return controller.close();
      text = "";
      // Even a reader that takes all at once lets the others have their turn
      await nextTurn();
      ({ text, next } = slice(objects, writer, next));
    },
  }, { highWaterMark: 1 });
}
