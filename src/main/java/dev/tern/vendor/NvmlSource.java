package dev.tern.vendor;

import static org.bytedeco.cuda.global.nvml.*;

import dev.tern.validate.Health;
import org.bytedeco.cuda.nvml.nvmlDevice_st;
import org.bytedeco.javacpp.BytePointer;

/** Opens NVML for one GPU. Only used once {@link CudaPresets} has it. */
final class NvmlSource {
  private NvmlSource() {}

  /** @param device its number of the CUDA runtime, which NVML's need not be: they are brought together by the place of the GPU */
  static Health open(int device) {
    String bus = GpuProbe.pciBusId(device);
    if (bus == null) {
      return new UnreadableHealth("the CUDA runtime knows no GPU " + device);
    }
    int status = nvmlInit_v2();
    if (status != NVML_SUCCESS) {
      return new UnreadableHealth(NvmlHealth.reason("nvmlInit_v2", status));
    }
    nvmlDevice_st handle = new nvmlDevice_st();
    try (BytePointer text = new BytePointer(bus)) {
      status = nvmlDeviceGetHandleByPciBusId_v2(text, handle);
    }
    if (status != NVML_SUCCESS) {
      String reason = NvmlHealth.reason("nvmlDeviceGetHandleByPciBusId_v2(" + bus + ")", status);
      nvmlShutdown();
      return new UnreadableHealth(reason);
    }
    return new NvmlHealth(handle, GpuProbe.multiprocessors(device));
  }
}
