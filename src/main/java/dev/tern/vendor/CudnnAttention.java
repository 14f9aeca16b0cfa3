package dev.tern.vendor;

import static org.bytedeco.cuda.global.cudnn.*;

import dev.tern.DeviceUnavailableException;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.cuda.cudnn.cudnnContext;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;

/** Attention of one shape by cuDNN's fused engines: the plans that its heuristics offer, and sets of data to run them on. */
final class CudnnAttention implements AutoCloseable {
  private static final int MOST_PLANS = 4;

  private final cudnnContext handle = new cudnnContext();
  private final AttentionShape shape;
  private final AttentionGraph graph;
  private final List<CudnnDescriptor> plans = new ArrayList<>();
  private final List<CudnnDescriptor> owned = new ArrayList<>();
  private final List<CudnnDescriptor> packs = new ArrayList<>();
  private final Pointer workspace;
  // Read when a plan runs: they live as long as this.
  private final FloatPointer scale;
  private final FloatPointer masked = new FloatPointer(1L).put(Float.NEGATIVE_INFINITY);
  private final IntPointer kvLen;
  private final IntPointer qLen;
  private int chosen;

  /** @throws DeviceUnavailableException if no engine takes the shape, with cuDNN's reason */
  CudnnAttention(GpuRun run, AttentionShape shape) {
    this.shape = shape;
    scale = new FloatPointer(1L).put((float) shape.scale());
    kvLen = new IntPointer(1L).put(shape.kvLen());
    qLen = new IntPointer(1L).put(shape.qLen());
    graph = new AttentionGraph(shape);
    CudnnDescriptor.check(cudnnCreate(handle), "cudnnCreate");
    try {
      CudnnDescriptor.check(cudnnSetStream(handle, run.stream()), "cudnnSetStream");
      CudnnDescriptor operations = graph.build(handle);
      List<String> refusals = new ArrayList<>();
      addPlans(operations, CUDNN_HEUR_MODE_A, refusals);
      if (plans.isEmpty()) {
        addPlans(operations, CUDNN_HEUR_MODE_FALLBACK, refusals);
      }
      if (plans.isEmpty()) {
        throw new DeviceUnavailableException("no engine for this attention: " + (refusals.isEmpty() ? "none is offered" : refusals.get(0)));
      }
      long bytes = 16;
      for (CudnnDescriptor plan : plans) {
        bytes = Math.max(bytes, plan.longOf(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
      }
      workspace = run.allocate(bytes);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private void addPlans(CudnnDescriptor operations, int mode, List<String> refusals) {
    CudnnDescriptor[] configurations = new CudnnDescriptor[MOST_PLANS];
    for (int i = 0; i < MOST_PLANS; i++) {
      configurations[i] = own(new CudnnDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "an engine"));
    }
    int n = 0;
    try {
      CudnnDescriptor heuristics = own(new CudnnDescriptor(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "the heuristics"))
          .descriptors(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, operations)
          .choice(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode)
          .finish();
      n = heuristics.read(CUDNN_ATTR_ENGINEHEUR_RESULTS, configurations);
    } catch (DeviceUnavailableException e) {
      refusals.add(e.getMessage());
    }
    for (int i = 0; i < n; i++) {
      try {
        plans.add(own(new CudnnDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "a plan"))
            .pointers(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, handle)
            .descriptors(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configurations[i])
            .finish());
      } catch (DeviceUnavailableException e) {
        refusals.add(e.getMessage());
      }
    }
  }

  private CudnnDescriptor own(CudnnDescriptor descriptor) {
    owned.add(descriptor);
    return descriptor;
  }

  /** Adds a set of data, of the shape's layout. */
  void bind(Pointer q, Pointer k, Pointer v, Pointer o) {
    List<Long> ids = new ArrayList<>(List.of(AttentionGraph.Q, AttentionGraph.K, AttentionGraph.V, AttentionGraph.O, AttentionGraph.SCALE));
    List<Pointer> data = new ArrayList<>(List.of(q, k, v, o, scale));
    if (shape.causal()) {
      ids.add(AttentionGraph.MASKED);
      data.add(masked);
    }
    if (AttentionGraph.shifted(shape)) {
      ids.addAll(List.of(AttentionGraph.KV_LEN, AttentionGraph.Q_LEN));
      data.addAll(List.of(kvLen, qLen));
    }
    packs.add(own(new CudnnDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "a set of data"))
        .longs(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids.stream().mapToLong(Long::longValue).toArray())
        .pointers(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, data.toArray(new Pointer[0]))
        .pointers(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace)
        .finish());
  }

  int choices() {
    return plans.size();
  }

  void choose(int choice) {
    chosen = choice;
  }

  /** Launches it on a set of data. */
  void enqueue(int set) {
    CudnnDescriptor.check(cudnnBackendExecute(handle, plans.get(chosen).handle(), packs.get(set).handle()), "cudnnBackendExecute");
  }

  @Override
  public void close() {
    for (int i = owned.size() - 1; i >= 0; i--) {
      owned.get(i).close();
    }
    owned.clear();
    graph.close();
    cudnnDestroy(handle);
  }
}
