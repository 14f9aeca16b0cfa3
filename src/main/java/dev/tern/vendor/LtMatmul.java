package dev.tern.vendor;

import static org.bytedeco.cuda.global.cublas.*;

import dev.tern.DeviceUnavailableException;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.cuda.cublas.cublasLtContext;
import org.bytedeco.cuda.cublas.cublasLtMatmulAlgo_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulDescOpaque_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulHeuristicResult_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulPreferenceOpaque_t;
import org.bytedeco.cuda.cublas.cublasLtMatrixLayoutOpaque_t;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;

/**
 * y [nRows, nOut] = x [nRows, nIn] times W^T, W [nOut, nIn], all by rows, through cublasLtMatmul. It counts by columns, so to it the product is
 * W^T transposed (nOut x nIn) times x^T (nIn x nRows): its "TN" layout, the one that all types have. Sums in fp32; of int8, in int32.
 */
final class LtMatmul implements AutoCloseable {
  private static final long WORKSPACE_BYTES = 32L << 20;
  /** Of the heuristics' list. */
  private static final int MOST_CHOICES = 8;

  private final GpuRun run;
  private final cublasLtContext handle = new cublasLtContext();
  private final cublasLtMatmulDescOpaque_t operation;
  private final cublasLtMatrixLayoutOpaque_t weights;
  private final cublasLtMatrixLayoutOpaque_t rows;
  private final cublasLtMatrixLayoutOpaque_t result;
  private final Pointer workspace;
  private final Pointer one;
  private final Pointer zero;
  private final List<cublasLtMatmulAlgo_t> choices = new ArrayList<>();
  /** Owns what choices point to. */
  private final cublasLtMatmulHeuristicResult_t found = new cublasLtMatmulHeuristicResult_t(MOST_CHOICES);
  private int chosen;

  /** @throws DeviceUnavailableException if the library has no algorithm for it */
  LtMatmul(GpuRun run, Elements in, Elements out, int nRows, int nOut, int nIn) {
    this.run = run;
    boolean whole = in == Elements.I8;
    check(cublasLtCreate(handle), "cublasLtCreate");
    PointerPointer<Pointer> made = new PointerPointer<>(1);
    check(cublasLtMatmulDescCreate(made, whole ? CUBLAS_COMPUTE_32I : CUBLAS_COMPUTE_32F, type(whole ? Elements.I32 : Elements.F32)),
        "cublasLtMatmulDescCreate");
    operation = new cublasLtMatmulDescOpaque_t(made.get());
    try (IntPointer transposed = new IntPointer(1L).put(CUBLAS_OP_T); IntPointer plain = new IntPointer(1L).put(CUBLAS_OP_N)) {
      check(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, transposed, Integer.BYTES), "TRANSA");
      check(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSB, plain, Integer.BYTES), "TRANSB");
    }
    weights = layout(in, nIn, nOut);
    rows = layout(in, nIn, nRows);
    result = layout(out, nOut, nRows);
    workspace = run.allocate(WORKSPACE_BYTES);
    one = whole ? new IntPointer(1L).put(1) : new FloatPointer(1L).put(1f);
    zero = whole ? new IntPointer(1L).put(0) : new FloatPointer(1L).put(0f);
    try {
      list(in, nRows, nOut, nIn);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private static int type(Elements elements) {
    return switch (elements) {
      case F32 -> org.bytedeco.cuda.global.cudart.CUDA_R_32F;
      case F16 -> org.bytedeco.cuda.global.cudart.CUDA_R_16F;
      case BF16 -> org.bytedeco.cuda.global.cudart.CUDA_R_16BF;
      case I8 -> org.bytedeco.cuda.global.cudart.CUDA_R_8I;
      case I32 -> org.bytedeco.cuda.global.cudart.CUDA_R_32I;
    };
  }

  private static cublasLtMatrixLayoutOpaque_t layout(Elements elements, int height, int width) {
    PointerPointer<Pointer> made = new PointerPointer<>(1);
    check(cublasLtMatrixLayoutCreate(made, type(elements), height, width, height), "cublasLtMatrixLayoutCreate");
    return new cublasLtMatrixLayoutOpaque_t(made.get());
  }

  private void list(Elements in, int nRows, int nOut, int nIn) {
    PointerPointer<Pointer> made = new PointerPointer<>(1);
    check(cublasLtMatmulPreferenceCreate(made), "cublasLtMatmulPreferenceCreate");
    cublasLtMatmulPreferenceOpaque_t preference = new cublasLtMatmulPreferenceOpaque_t(made.get());
    int[] n = new int[1];
    try (LongPointer bytes = new LongPointer(1L).put(WORKSPACE_BYTES)) {
      check(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, bytes, Long.BYTES), "MAX_WORKSPACE_BYTES");
      int status = cublasLtMatmulAlgoGetHeuristic(handle, operation, weights, rows, result, result, preference, MOST_CHOICES, found, n);
      if (status != CUBLAS_STATUS_SUCCESS || n[0] == 0) {
        throw new DeviceUnavailableException("no algorithm for " + in + " with rows " + nRows + ", out " + nOut + ", in " + nIn
            + (in == Elements.I8 && (nIn % 4 != 0 || nOut % 4 != 0) ? ": int8 takes multiples of 4" : " (status " + status + ")"));
      }
    } finally {
      cublasLtMatmulPreferenceDestroy(preference);
    }
    for (int i = 0; i < n[0]; i++) {
      cublasLtMatmulHeuristicResult_t choice = found.getPointer(i);
      if (choice.state() == CUBLAS_STATUS_SUCCESS && choice.workspaceSize() <= WORKSPACE_BYTES) {
        choices.add(choice.algo());
      }
    }
    if (choices.isEmpty()) {
      throw new DeviceUnavailableException("no algorithm of the heuristics' list can be run");
    }
  }

  int choices() {
    return choices.size();
  }

  void choose(int choice) {
    chosen = choice;
  }

  /** Launches one product on the run's stream. */
  void enqueue(Pointer w, Pointer x, Pointer y) {
    check(cublasLtMatmul(handle, operation, one, w, weights, x, rows, zero, y, result, y, result, choices.get(chosen), workspace, WORKSPACE_BYTES,
        run.stream()), "cublasLtMatmul");
  }

  private static void check(int status, String call) {
    if (status != CUBLAS_STATUS_SUCCESS) {
      throw new DeviceUnavailableException(call + ": cuBLAS status " + status);
    }
  }

  @Override
  public void close() {
    cublasLtMatrixLayoutDestroy(weights);
    cublasLtMatrixLayoutDestroy(rows);
    cublasLtMatrixLayoutDestroy(result);
    cublasLtMatmulDescDestroy(operation);
    cublasLtDestroy(handle);
    found.close();
  }
}
