package dev.tern.format;

import java.util.Arrays;

/**
 * Where a tensor is and what it looks like. Immutable.
 *
 * @param name as in the file
 * @param type element type
 * @param dims elements along each dimension, the fastest first: a matrix is {columns, rows}
 * @param offset of its first byte from the file's start
 * @param byteSize bytes of all of it
 */
public record TensorInfo(String name, TensorType type, long[] dims, long offset, long byteSize) {
  public TensorInfo {
    dims = dims.clone();
  }

  @Override
  public long[] dims() {
    return dims.clone();
  }

  /** Elements of one row: the first dimension. */
  public long columns() {
    return dims[0];
  }

  /** Rows: the product of all dimensions but the first. */
  public long rows() {
    return Checked.product(dims, 1, "the rows of tensor '" + name + "'", offset);
  }

  /** Bytes of one row. */
  public long rowBytes() {
    return type.rowBytes(dims[0]);
  }

  boolean hasDims(long... expected) {
    return Arrays.equals(dims, expected);
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof TensorInfo t && name.equals(t.name) && type == t.type && Arrays.equals(dims, t.dims) && offset == t.offset
        && byteSize == t.byteSize;
  }

  @Override
  public int hashCode() {
    return name.hashCode() * 31 + Long.hashCode(offset);
  }

  @Override
  public String toString() {
    return name + " " + type + " " + Arrays.toString(dims) + " at " + offset;
  }
}
