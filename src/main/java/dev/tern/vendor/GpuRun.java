package dev.tern.vendor;

import static org.bytedeco.cuda.global.cudart.*;

import dev.tern.CapacityException;
import dev.tern.DeviceUnavailableException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUgraphExec_st;
import org.bytedeco.cuda.cudart.CUgraph_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * A stream on a GPU with memory of its own, and the time of calls on it between two CUDA events. Calls are recorded into graphs, so that the time
 * of launching them from Java does not count. For one thread.
 */
final class GpuRun implements AutoCloseable {
  /** Nodes of one graph. */
  private static final int MOST_CALLS = 2048;
  /** Caches keep what was last used, more or less; so many times their size evicts it. */
  private static final int CACHES = 3;
  /** For the data of a cold case. */
  private static final long MOST_BYTES = 4L << 30;
  /** Random bytes are made once and repeated, each time from another place on. */
  private static final int BLOCK = 8 << 20;

  private static final long STRIDE = 1_048_592; // of whole elements, and no divisor of the block

  private final int device;
  private final CUstream_st stream = new CUstream_st();
  private final CUevent_st begin = new CUevent_st();
  private final CUevent_st end = new CUevent_st();
  private final List<Pointer> memory = new ArrayList<>();
  private final Map<Elements, Pointer> blocks = new EnumMap<>(Elements.class);
  private final Map<Integer, CUgraphExec_st> graphs = new HashMap<>();
  private final long cacheBytes;
  private boolean unrecordable;

  GpuRun(int device) {
    this.device = device;
    try {
      check(cudaSetDevice(device), "cudaSetDevice(" + device + ")");
      int[] bytes = new int[1];
      check(cudaDeviceGetAttribute(bytes, cudaDevAttrL2CacheSize, device), "cudaDeviceGetAttribute");
      cacheBytes = bytes[0];
      check(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "cudaStreamCreate");
      check(cudaEventCreate(begin), "cudaEventCreate");
      check(cudaEventCreate(end), "cudaEventCreate");
    } catch (RuntimeException | Error e) {
      close(); // what there is of it
      throw e;
    }
  }

  static void check(int status, String call) {
    if (status != cudaSuccess) {
      cudaGetLastError(); // else the next call of anybody would find it
      String text = call + ": " + cudaGetErrorString(status).getString();
      throw status == cudaErrorMemoryAllocation ? new CapacityException(text) : new DeviceUnavailableException(text);
    }
  }

  CUstream_st stream() {
    return stream;
  }

  /** How many sets of data of so many bytes a case needs for each call to find its own outside of the cache; 1 if it need not. */
  int sets(boolean cold, long bytes) {
    return cold ? (int) Math.max(1, Math.min(Math.min(CACHES * cacheBytes / bytes + 2, MOST_CALLS), MOST_BYTES / bytes)) : 1;
  }

  /** Device memory, freed with this. */
  Pointer allocate(long bytes) {
    Pointer p = new BytePointer();
    check(cudaMalloc(p, bytes), "cudaMalloc of " + bytes + " bytes");
    memory.add(p);
    return p;
  }

  Pointer upload(byte[] data) {
    Pointer device = allocate(data.length);
    try (BytePointer host = new BytePointer(data)) {
      check(cudaMemcpy(device, host, data.length, cudaMemcpyHostToDevice), "cudaMemcpy");
    }
    return device;
  }

  byte[] download(Pointer device, int bytes) {
    byte[] data = new byte[bytes];
    try (BytePointer host = new BytePointer(bytes)) {
      check(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost), "cudaMemcpy");
      host.get(data);
    }
    return data;
  }

  /** Memory with values as {@link Elements#random} makes them; a GPU takes less power, and runs faster, on zeros. */
  Pointer random(long bytes, Elements elements) {
    BytePointer block = new BytePointer(blocks.computeIfAbsent(elements, type -> upload(type.random(BLOCK, new SplittableRandom(1)))));
    Pointer device = allocate(bytes);
    BytePointer to = new BytePointer(device);
    // Not from the block's beginning each time: keys that equal queries are no ordinary data.
    long from = memory.size() * STRIDE % BLOCK;
    for (long at = 0; at < bytes; from = 0) {
      long n = Math.min(BLOCK - from, bytes - at);
      check(cudaMemcpyAsync(to.getPointer(at), block.getPointer(from), n, cudaMemcpyDeviceToDevice, stream), "cudaMemcpy");
      at += n;
    }
    return device;
  }

  void synchronize() {
    check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  }

  /**
   * Seconds of calls between two events. Before the first of them all sets are used once: what is timed finds the caches as a long row of calls
   * would leave them, and the GPU is busy while the CPU launches.
   *
   * @param sets after how many calls the data is used again
   * @param call launches the call of a number on the stream, always the same way
   */
  double seconds(int calls, int sets, IntConsumer call) {
    check(cudaSetDevice(device), "cudaSetDevice");
    // A graph ends with the last set if another follows.
    int most = Math.max(1, MOST_CALLS / sets) * sets;
    int whole = calls > most ? calls / most : 0;
    int rest = calls - whole * most;
    CUgraphExec_st before = graph(sets, call);
    CUgraphExec_st many = whole > 0 ? graph(most, call) : null;
    CUgraphExec_st few = rest > 0 ? graph(rest, call) : null;
    launch(before, sets, call);
    check(cudaEventRecord(begin, stream), "cudaEventRecord");
    for (int i = 0; i < whole; i++) {
      launch(many, most, call);
    }
    if (rest > 0) {
      launch(few, rest, call);
    }
    check(cudaEventRecord(end, stream), "cudaEventRecord");
    check(cudaEventSynchronize(end), "cudaEventSynchronize");
    float[] milliseconds = new float[1];
    check(cudaEventElapsedTime(milliseconds, begin, end), "cudaEventElapsedTime");
    return milliseconds[0] / 1e3;
  }

  /** Whether calls had to be launched one by one, so that launching may be part of the time. */
  boolean unrecordable() {
    return unrecordable;
  }

  /** Forgets recorded calls: another kind of call comes. */
  void forget() {
    synchronize();
    graphs.values().forEach(graph -> cudaGraphExecDestroy(graph));
    graphs.clear();
    unrecordable = false;
  }

  private CUgraphExec_st graph(int calls, IntConsumer call) {
    if (unrecordable) {
      return null;
    }
    CUgraphExec_st known = graphs.get(calls);
    return known != null ? known : record(calls, call);
  }

  private CUgraphExec_st record(int calls, IntConsumer call) {
    CUgraph_st graph = new CUgraph_st();
    if (cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) != cudaSuccess) {
      cudaGetLastError();
      unrecordable = true;
      return null;
    }
    RuntimeException failure = null;
    try {
      for (int i = 0; i < calls; i++) {
        call.accept(i);
      }
    } catch (RuntimeException e) {
      failure = e;
    }
    int status = cudaStreamEndCapture(stream, graph);
    if (failure != null || status != cudaSuccess) {
      if (!graph.isNull()) { // of the calls before the one that failed
        cudaGraphDestroy(graph);
      }
      cudaGetLastError();
      unrecordable = true;
      return null;
    }
    CUgraphExec_st made = new CUgraphExec_st();
    int instantiated = cudaGraphInstantiate(made, graph, 0);
    cudaGraphDestroy(graph); // in any case: what was made of it does not need it
    check(instantiated, "cudaGraphInstantiate");
    graphs.put(calls, made);
    return made;
  }

  private void launch(CUgraphExec_st graph, int calls, IntConsumer call) {
    if (graph != null && !unrecordable) {
      check(cudaGraphLaunch(graph, stream), "cudaGraphLaunch");
      return;
    }
    for (int i = 0; i < calls; i++) {
      call.accept(i);
    }
  }

  /** Frees everything that was made; what goes wrong with that is no longer of interest. */
  @Override
  public void close() {
    cudaSetDevice(device);
    if (!stream.isNull()) {
      cudaStreamSynchronize(stream);
    }
    graphs.values().forEach(graph -> cudaGraphExecDestroy(graph));
    graphs.clear();
    memory.forEach(p -> cudaFree(p));
    memory.clear();
    if (!begin.isNull()) {
      cudaEventDestroy(begin);
      begin.setNull();
    }
    if (!end.isNull()) {
      cudaEventDestroy(end);
      end.setNull();
    }
    if (!stream.isNull()) { // null would be the stream of everybody
      cudaStreamDestroy(stream);
      stream.setNull();
    }
    cudaGetLastError();
  }
}
