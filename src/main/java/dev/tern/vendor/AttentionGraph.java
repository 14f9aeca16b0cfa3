package dev.tern.vendor;

import static org.bytedeco.cuda.global.cudnn.*;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.cuda.cudnn.cudnnContext;

/**
 * Attention as cuDNN's fused engines expect to be asked: scores = q k^T; times the scale; masked above the diagonal; softmax written out as
 * maximum, difference, exponential, sum, quotient, with its log-sum-exp beside it; times v. Engines know this pattern of operations and run it as
 * one kernel; none of the tensors between them is ever in memory.
 */
final class AttentionGraph implements AutoCloseable {
  /** Numbers of the tensors that are bound when it runs. */
  static final long Q = 1;

  static final long K = 2;
  static final long V = 3;
  static final long O = 4;
  static final long SCALE = 5;
  static final long MASKED = 6;
  static final long KV_LEN = 7;
  static final long Q_LEN = 8;

  private final AttentionShape shape;
  private final List<CudnnDescriptor> all = new ArrayList<>();
  private final List<CudnnDescriptor> operations = new ArrayList<>();
  private final int type;
  private long nextVirtual = 100;

  AttentionGraph(AttentionShape shape) {
    this.shape = shape;
    this.type = shape.type() == Elements.F16 ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16;
  }

  /** Whether the rows' first key is told by the lengths: there are more keys than rows. */
  static boolean shifted(AttentionShape shape) {
    return shape.causal() && shape.kvLen() != shape.qLen();
  }

  /** @return the finished graph of operations, closed with this */
  CudnnDescriptor build(cudnnContext handle) {
    int b = shape.nSequences();
    int d = shape.headDim();
    long qRow = (long) shape.nHeads() * d;
    long kRow = (long) shape.nKvHeads() * d;
    CudnnDescriptor q = stored(Q, new long[] {b, shape.nHeads(), shape.qLen(), d}, new long[] {qRow * shape.qLen(), d, qRow, 1});
    CudnnDescriptor kT = stored(K, new long[] {b, shape.nKvHeads(), d, shape.kvLen()}, new long[] {kRow * shape.kvLen(), d, 1, kRow});
    CudnnDescriptor v = stored(V, new long[] {b, shape.nKvHeads(), shape.kvLen(), d}, new long[] {kRow * shape.kvLen(), d, kRow, 1});
    CudnnDescriptor o = stored(O, new long[] {b, shape.nHeads(), shape.qLen(), d}, new long[] {qRow * shape.qLen(), d, qRow, 1});

    CudnnDescriptor products = scores(CUDNN_DATA_FLOAT);
    multiply(q, kT, products);
    CudnnDescriptor scores = scores(CUDNN_DATA_FLOAT);
    pointwise(CUDNN_POINTWISE_MUL, CUDNN_DATA_FLOAT, products, constant(SCALE, CUDNN_DATA_FLOAT), scores);
    if (shape.causal()) {
      scores = masked(scores);
    }
    multiply(softmax(scores), v, o);

    CudnnDescriptor graph = add(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "the graph");
    graph.pointers(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, handle);
    graph.descriptors(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations.toArray(new CudnnDescriptor[0]));
    return graph.finish();
  }

  /** -infinity where the column is beyond the row's last key. */
  private CudnnDescriptor masked(CudnnDescriptor scores) {
    CudnnDescriptor row = index(scores, 2);
    CudnnDescriptor column = index(scores, 3);
    if (shifted(shape)) {
      CudnnDescriptor end = scores(CUDNN_DATA_INT32);
      pointwise(CUDNN_POINTWISE_ADD, CUDNN_DATA_INT32, row, constant(KV_LEN, CUDNN_DATA_INT32), end);
      row = scores(CUDNN_DATA_INT32);
      pointwise(CUDNN_POINTWISE_SUB, CUDNN_DATA_INT32, end, constant(Q_LEN, CUDNN_DATA_INT32), row);
    }
    CudnnDescriptor seen = scores(CUDNN_DATA_BOOLEAN);
    pointwise(CUDNN_POINTWISE_CMP_GE, CUDNN_DATA_BOOLEAN, row, column, seen);
    CudnnDescriptor result = scores(CUDNN_DATA_FLOAT);
    CudnnDescriptor select = operation(CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT, -1);
    select.descriptors(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, scores);
    select.descriptors(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, constant(MASKED, CUDNN_DATA_FLOAT));
    select.descriptors(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, seen);
    finish(select.descriptors(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result));
    return result;
  }

  private CudnnDescriptor index(CudnnDescriptor like, int axis) {
    CudnnDescriptor result = scores(CUDNN_DATA_INT32);
    CudnnDescriptor operation = operation(CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_FLOAT, axis);
    operation.descriptors(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, like);
    finish(operation.descriptors(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result));
    return result;
  }

  private CudnnDescriptor softmax(CudnnDescriptor scores) {
    CudnnDescriptor most = perRow();
    reduce(CUDNN_REDUCE_TENSOR_MAX, scores, most);
    CudnnDescriptor below = scores(CUDNN_DATA_FLOAT);
    pointwise(CUDNN_POINTWISE_SUB, CUDNN_DATA_FLOAT, scores, most, below);
    CudnnDescriptor powers = scores(CUDNN_DATA_FLOAT);
    pointwise(CUDNN_POINTWISE_EXP, CUDNN_DATA_FLOAT, below, null, powers);
    CudnnDescriptor sum = perRow();
    reduce(CUDNN_REDUCE_TENSOR_ADD, powers, sum);
    // Not asked for, but part of the pattern.
    CudnnDescriptor log = perRow();
    pointwise(CUDNN_POINTWISE_LOG, CUDNN_DATA_FLOAT, sum, null, log);
    pointwise(CUDNN_POINTWISE_ADD, CUDNN_DATA_FLOAT, most, log, perRow());
    // The second product takes its inputs in the type of v.
    CudnnDescriptor weights = scores(type);
    pointwise(CUDNN_POINTWISE_DIV, CUDNN_DATA_FLOAT, powers, sum, weights);
    return weights;
  }

  private CudnnDescriptor stored(long id, long[] dimensions, long[] strides) {
    return tensor(id, type, false, false, dimensions, strides);
  }

  private CudnnDescriptor constant(long id, int dataType) {
    return tensor(id, dataType, false, true, new long[] {1, 1, 1, 1}, new long[] {1, 1, 1, 1});
  }

  private CudnnDescriptor scores(int dataType) {
    long h = shape.nHeads();
    long m = shape.qLen();
    long n = shape.kvLen();
    return tensor(nextVirtual++, dataType, true, false, new long[] {shape.nSequences(), h, m, n}, new long[] {h * m * n, m * n, n, 1});
  }

  private CudnnDescriptor perRow() {
    long h = shape.nHeads();
    long m = shape.qLen();
    return tensor(nextVirtual++, CUDNN_DATA_FLOAT, true, false, new long[] {shape.nSequences(), h, m, 1}, new long[] {h * m, m, 1, 1});
  }

  private CudnnDescriptor tensor(long id, int dataType, boolean virtual, boolean byValue, long[] dimensions, long[] strides) {
    return add(CUDNN_BACKEND_TENSOR_DESCRIPTOR, "tensor " + id)
        .choice(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, dataType)
        .longs(CUDNN_ATTR_TENSOR_DIMENSIONS, dimensions)
        .longs(CUDNN_ATTR_TENSOR_STRIDES, strides)
        .longs(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
        .longs(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 16)
        .flag(CUDNN_ATTR_TENSOR_IS_VIRTUAL, virtual)
        .flag(CUDNN_ATTR_TENSOR_IS_BY_VALUE, byValue)
        .finish();
  }

  private void multiply(CudnnDescriptor a, CudnnDescriptor b, CudnnDescriptor c) {
    CudnnDescriptor product = add(CUDNN_BACKEND_MATMUL_DESCRIPTOR, "a product")
        .choice(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
        .finish();
    finish(add(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, "a product's operation")
        .descriptors(CUDNN_ATTR_OPERATION_MATMUL_ADESC, a)
        .descriptors(CUDNN_ATTR_OPERATION_MATMUL_BDESC, b)
        .descriptors(CUDNN_ATTR_OPERATION_MATMUL_CDESC, c)
        .descriptors(CUDNN_ATTR_OPERATION_MATMUL_DESC, product));
  }

  private void pointwise(int mode, int precision, CudnnDescriptor x, CudnnDescriptor b, CudnnDescriptor y) {
    CudnnDescriptor operation = operation(mode, precision, -1);
    operation.descriptors(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b != null) {
      operation.descriptors(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
    }
    finish(operation.descriptors(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y));
  }

  private CudnnDescriptor operation(int mode, int precision, int axis) {
    CudnnDescriptor pointwise = add(CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "pointwise " + mode)
        .choice(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode)
        .choice(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, precision);
    if (axis >= 0) {
      pointwise.longs(CUDNN_ATTR_POINTWISE_AXIS, axis);
    }
    pointwise.finish();
    return add(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "the operation of pointwise " + mode)
        .descriptors(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise);
  }

  private void reduce(int operator, CudnnDescriptor x, CudnnDescriptor y) {
    CudnnDescriptor reduction = add(CUDNN_BACKEND_REDUCTION_DESCRIPTOR, "a reduction")
        .choice(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, operator)
        .choice(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
        .finish();
    finish(add(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, "a reduction's operation")
        .descriptors(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x)
        .descriptors(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y)
        .descriptors(CUDNN_ATTR_OPERATION_REDUCTION_DESC, reduction));
  }

  private void finish(CudnnDescriptor operation) {
    operations.add(operation.finish());
  }

  private CudnnDescriptor add(int descriptorType, String what) {
    CudnnDescriptor made = new CudnnDescriptor(descriptorType, what);
    all.add(made);
    return made;
  }

  @Override
  public void close() {
    for (int i = all.size() - 1; i >= 0; i--) {
      all.get(i).close();
    }
    all.clear();
  }
}
