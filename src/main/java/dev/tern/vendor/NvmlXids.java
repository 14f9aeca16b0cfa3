package dev.tern.vendor;

import static org.bytedeco.cuda.global.nvml.*;

import dev.tern.validate.Reading;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.cuda.nvml.nvmlDevice_st;
import org.bytedeco.cuda.nvml.nvmlEventData_t;
import org.bytedeco.cuda.nvml.nvmlEventSet_st;

/** The Xid events of a GPU from now on. NVML tells none of before. */
final class NvmlXids implements AutoCloseable {
  private final nvmlEventSet_st events = new nvmlEventSet_st();
  private final List<Integer> seen = new ArrayList<>();
  private String unreadable;

  NvmlXids(nvmlDevice_st device) {
    int status = nvmlEventSetCreate(events);
    if (status != NVML_SUCCESS) {
      unreadable = NvmlHealth.reason("nvmlEventSetCreate", status);
      return;
    }
    status = nvmlDeviceRegisterEvents(device, nvmlEventTypeXidCriticalError, events);
    if (status != NVML_SUCCESS) {
      unreadable = NvmlHealth.reason("nvmlDeviceRegisterEvents", status);
      nvmlEventSetFree(events);
    }
  }

  Reading<List<Integer>> read() {
    try (nvmlEventData_t event = new nvmlEventData_t()) {
      while (unreadable == null) {
        int status = nvmlEventSetWait_v2(events, event, 0);
        if (status == NVML_ERROR_TIMEOUT) {
          break;
        }
        if (status == NVML_SUCCESS) {
          seen.add((int) event.eventData());
        } else {
          unreadable = NvmlHealth.reason("nvmlEventSetWait_v2", status);
          nvmlEventSetFree(events);
        }
      }
    }
    return unreadable == null ? Reading.of(List.copyOf(seen)) : Reading.unreadable(unreadable);
  }

  @Override
  public void close() {
    if (unreadable == null) {
      nvmlEventSetFree(events);
      unreadable = "closed";
    }
  }
}
