package dev.tern.format;

import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** A model some of whose tensors are made of another's, which stays the caller's and must stay open. Thread-safe where {@link #read} is. */
abstract class DerivedModel implements ModelFile {
  final ModelFile model;
  final Map<String, TensorInfo> tensors = new LinkedHashMap<>(); // filled by the constructors

  DerivedModel(ModelFile model) {
    this.model = model;
  }

  /** Fills dst with bytes of a tensor that lie in it. */
  abstract void read(TensorInfo tensor, long from, ByteBuffer dst);

  @Override
  public final void readTensor(TensorInfo tensor, long from, ByteBuffer dst) {
    if (!tensor.equals(tensors.get(tensor.name()))) {
      throw new IllegalArgumentException("tensor '" + tensor.name() + "' is not of " + name());
    }
    if (from < 0 || from > tensor.byteSize() - dst.remaining()) {
      throw new IllegalArgumentException(
          "bytes " + from + " + " + dst.remaining() + " of tensor '" + tensor.name() + "', which has " + tensor.byteSize());
    }
    read(tensor, from, dst);
  }

  @Override
  public String name() {
    return model.name();
  }

  @Override
  public GgufMetadata metadata() {
    return model.metadata();
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  @Override
  public boolean isDerived(TensorInfo tensor) {
    return model.isDerived(tensor);
  }

  @Override
  public long size() {
    return model.size();
  }

  /** Does nothing: the model stays the caller's. */
  @Override
  public void close() {}
}
