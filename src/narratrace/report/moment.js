/* What a sample's card is showing right now; picture, text and player all follow it and may all set it. */

class Moment {
  /** Begins with the whole sample, nothing singled out. */
  constructor(start, end) {
    this.start = start;
    this.end = end;
    this.t = start;      // where the player stands, seconds of the recording
    this.at = null;      // the instant looked at, null while none is
    this.span = null;    // [from, to] singled out, or null
    this.box = null;     // the box singled out, or null
    this.listeners = [];
  }

  /** Calls `listener(moment)` now and after every change. */
  follow(listener) {
    this.listeners.push(listener);
    listener(this);
  }

  /** Move the player's place and look there; `span` is singled out around it. */
  seek(t, span) {
    this.t = clamp(t, this.start, this.end);
    this.single(span, this.t);
  }

  /** Single out an interval, with the instant in it that is looked at; the player stays where it is. */
  single(span, at = null, box = null) {
    this.span = span;
    this.at = at;
    this.box = box;
    for (const listener of this.listeners) listener(this);
  }

  /** Single out a box with its stretch of trace and its words. */
  point(box) {
    this.single([box.start, box.end], null, box);
  }

  /** Look at nothing in particular again. */
  rest() {
    this.single(null, this.t > this.start ? this.t : null);
  }
}
