package dev.tern.cli;

import dev.tern.bench.KernelPeer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Which peers {@code tern bench kernel} was asked to compare with, and which of them are there. Closes all of them. */
final class PeerChoice implements AutoCloseable {
  private final List<KernelPeer> all;
  private final List<KernelPeer> found = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  /**
   * Asks those that are wanted whether they are there. All peers are closed with this, or before what it throws.
   *
   * @param names separated by commas, in any case; "none": none; null: all
   * @throws IllegalArgumentException if there is no peer of a name
   */
  PeerChoice(String names, List<KernelPeer> all) {
    this.all = List.copyOf(all);
    try {
      List<String> wanted = names == null ? all.stream().map(KernelPeer::name).toList() : Arrays.stream(names.split(",")).map(String::strip).toList();
      for (String name : wanted.equals(List.of("none")) ? List.<String>of() : wanted) {
        KernelPeer peer = all.stream().filter(p -> p.name().equalsIgnoreCase(name)).findFirst().orElseThrow(
            () -> new IllegalArgumentException("--peer " + name + ": on this device there are " + all.stream().map(KernelPeer::name).toList()));
        Optional<String> missing = found.contains(peer) ? Optional.empty() : peer.unavailable();
        missing.ifPresent(reason -> notes.add(peer.name() + " is not compared with: " + reason));
        if (missing.isEmpty() && !found.contains(peer)) {
          found.add(peer);
        }
      }
    } catch (RuntimeException | Error e) {
      try {
        close();
      } catch (RuntimeException also) {
        e.addSuppressed(also);
      }
      throw e;
    }
  }

  /** Those that are wanted and there. */
  List<KernelPeer> found() {
    return found;
  }

  /** Why the others that are wanted are not. */
  List<String> notes() {
    return notes;
  }

  /** Closes every peer, whatever one of them throws. */
  @Override
  public void close() {
    RuntimeException failure = null;
    for (KernelPeer peer : all) {
      try {
        peer.close();
      } catch (RuntimeException e) {
        failure = failure == null ? e : failure;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
