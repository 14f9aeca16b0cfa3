package dev.tern.bench;

import java.util.List;

/**
 * What a peer needed for a case.
 *
 * @param times null if it does not compute the case: the note says why
 * @param note what it did differently, or the reason; may be empty
 */
public record PeerResult(String name, String version, KernelTimes times, String note) {
  /** What makes the figure doubtful, in words; empty if nothing does, or if there is none. */
  public List<String> doubts() {
    return times == null ? List.of() : times.doubts();
  }
}
