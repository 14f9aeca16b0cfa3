package dev.tern.bench;

import dev.tern.UnsupportedModelException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Times cases one after another, Tern's kernel and right after it its peers', so that a machine that drifts does so for both. For one thread. */
public final class KernelSuite {
  private final Function<KernelCase, TernKernels.Ready> kernels;
  private final List<KernelPeer> peers;
  private final KernelSampler sampler;

  /** @param peers those that are available */
  public KernelSuite(TernKernels kernels, List<KernelPeer> peers, KernelSampler sampler) {
    this.kernels = kernels::prepare;
    this.peers = List.copyOf(peers);
    this.sampler = sampler;
  }

  /** Times a case. One that the device does not have comes back with the reason; so does one that fails, as does one that does not fit. */
  public KernelResult run(KernelCase c) {
    KernelWork work;
    KernelTimes times;
    String kernel;
    try (TernKernels.Ready ready = kernels.apply(c)) {
      work = ready.work();
      kernel = ready.note();
      times = sampler.run(ready);
    } catch (UnsupportedModelException e) {
      return KernelResult.unsupported(c, e.getMessage());
    } catch (RuntimeException e) { // the results of the others are worth having
      return KernelResult.failed(c, e.getMessage() == null ? e.toString() : e.getMessage());
    }
    List<PeerResult> others = new ArrayList<>();
    for (KernelPeer peer : peers) {
      others.add(run(peer, c));
    }
    return new KernelResult(c, kernel, work, times, null, others);
  }

  /** A peer's failure is its own: it becomes a note. */
  PeerResult run(KernelPeer peer, KernelCase c) {
    Optional<String> unsupported = peer.unsupported(c);
    if (unsupported.isPresent()) {
      return new PeerResult(peer.name(), peer.version(), null, unsupported.get());
    }
    try (KernelTimer timer = peer.prepare(c)) {
      return new PeerResult(peer.name(), peer.version(), sampler.run(timer), timer.note());
    } catch (RuntimeException e) {
      return new PeerResult(peer.name(), peer.version(), null, KernelResult.FAILED + e.getMessage());
    } catch (LinkageError | OutOfMemoryError e) { // of a preset or its library
      return new PeerResult(peer.name(), peer.version(), null, KernelResult.FAILED + e);
    }
  }
}
