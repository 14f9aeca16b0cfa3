package dev.tern.vendor;

import static org.bytedeco.cuda.global.cudnn.*;

import dev.tern.DeviceUnavailableException;
import org.bytedeco.cuda.cudnn.cudnnBackendDescriptor_t;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;

/** A descriptor of cuDNN's backend API: attributes are set, then it is finished, then other descriptors may name it. */
final class CudnnDescriptor implements AutoCloseable {
  private final cudnnBackendDescriptor_t handle = new cudnnBackendDescriptor_t();
  private final String what;

  /** @param type CUDNN_BACKEND_*_DESCRIPTOR */
  CudnnDescriptor(int type, String what) {
    this.what = what;
    check(cudnnBackendCreateDescriptor(type, handle), "creating " + what);
  }

  static void check(int status, String call) {
    if (status != CUDNN_STATUS_SUCCESS) {
      byte[] text = new byte[512];
      cudnnGetLastErrorString(text, text.length);
      String more = new String(text, java.nio.charset.StandardCharsets.UTF_8);
      more = more.substring(0, Math.max(0, more.indexOf('\0'))).strip().replaceAll("\\s+", " ");
      throw new DeviceUnavailableException(call + ": " + cudnnGetErrorString(status).getString() + (more.isEmpty() ? "" : " (" + more + ")"));
    }
  }

  cudnnBackendDescriptor_t handle() {
    return handle;
  }

  /** @param type CUDNN_TYPE_* of an enumeration */
  CudnnDescriptor choice(int attribute, int type, int value) {
    try (IntPointer data = new IntPointer(1L).put(value)) {
      return set(attribute, type, 1, data);
    }
  }

  CudnnDescriptor longs(int attribute, long... values) {
    try (LongPointer data = new LongPointer(values)) {
      return set(attribute, CUDNN_TYPE_INT64, values.length, data);
    }
  }

  CudnnDescriptor flag(int attribute, boolean value) {
    try (BytePointer data = new BytePointer(1L).put((byte) (value ? 1 : 0))) {
      return set(attribute, CUDNN_TYPE_BOOLEAN, 1, data);
    }
  }

  CudnnDescriptor descriptors(int attribute, CudnnDescriptor... values) {
    Pointer[] handles = new Pointer[values.length];
    for (int i = 0; i < values.length; i++) {
      handles[i] = values[i].handle;
    }
    return pointers(attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR, handles);
  }

  CudnnDescriptor pointers(int attribute, int type, Pointer... values) {
    try (PointerPointer<Pointer> data = new PointerPointer<>(values)) {
      return set(attribute, type, values.length, data);
    }
  }

  private CudnnDescriptor set(int attribute, int type, long n, Pointer data) {
    check(cudnnBackendSetAttribute(handle, attribute, type, n, data), "attribute " + attribute + " of " + what);
    return this;
  }

  CudnnDescriptor finish() {
    check(cudnnBackendFinalize(handle), what);
    return this;
  }

  long longOf(int attribute) {
    long[] n = new long[1];
    try (LongPointer data = new LongPointer(1L)) {
      check(cudnnBackendGetAttribute(handle, attribute, CUDNN_TYPE_INT64, 1, n, data), "attribute " + attribute + " of " + what);
      return data.get();
    }
  }

  /** Fills in as many of values as there are in this. */
  int read(int attribute, CudnnDescriptor[] values) {
    long[] n = new long[1];
    try (PointerPointer<Pointer> data = new PointerPointer<>(values.length)) {
      for (int i = 0; i < values.length; i++) {
        data.put(i, values[i].handle);
      }
      check(cudnnBackendGetAttribute(handle, attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR, values.length, n, data), "attribute " + attribute + " of " + what);
      return (int) Math.min(n[0], values.length);
    }
  }

  @Override
  public void close() {
    cudnnBackendDestroyDescriptor(handle);
  }
}
