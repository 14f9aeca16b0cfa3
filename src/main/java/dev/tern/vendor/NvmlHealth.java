package dev.tern.vendor;

import static org.bytedeco.cuda.global.nvml.*;

import dev.tern.validate.Health;
import dev.tern.validate.Reading;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.bytedeco.cuda.nvml.nvmlDevice_st;
import org.bytedeco.cuda.nvml.nvmlFieldValue_t;
import org.bytedeco.cuda.nvml.nvmlMemory_t;
import org.bytedeco.cuda.nvml.nvmlProcessInfo_v2_t;

/** A GPU's health as NVIDIA's management library tells it. Only functions are called that every driver for CUDA 13 has. */
final class NvmlHealth implements Health {
  private static final int NAME_BYTES = 96;

  private final nvmlDevice_st device;
  private final int multiprocessors;
  private final NvmlXids xids;
  private final OwnProcess own;

  /**
   * Before this process computes on the GPU.
   *
   * @param multiprocessors as CUDA tells it, which NVML does not; -1 if unknown
   */
  NvmlHealth(nvmlDevice_st device, int multiprocessors) {
    this.device = device;
    this.multiprocessors = multiprocessors;
    this.xids = new NvmlXids(device);
    this.own = OwnProcess.of(processes());
  }

  /** "nvmlDeviceGetPowerUsage: Not Supported". */
  static String reason(String call, int status) {
    return call + ": " + nvmlErrorString(status).getString();
  }

  private interface IntCall {
    int call(int[] value);
  }

  private interface LongCall {
    int call(long[] value);
  }

  private interface TextCall {
    int call(byte[] text, int bytes);
  }

  private static Reading<Integer> integer(String name, IntCall call) {
    int[] value = new int[1];
    int status = call.call(value);
    return status == NVML_SUCCESS ? Reading.of(value[0]) : Reading.unreadable(reason(name, status));
  }

  private static Reading<Long> number(String name, LongCall call) {
    long[] value = new long[1];
    int status = call.call(value);
    return status == NVML_SUCCESS ? Reading.of(value[0]) : Reading.unreadable(reason(name, status));
  }

  private static Reading<String> text(String name, TextCall call) {
    byte[] text = new byte[NAME_BYTES];
    int status = call.call(text, text.length);
    return status == NVML_SUCCESS ? Reading.of(terminated(text)) : Reading.unreadable(reason(name, status));
  }

  static String terminated(byte[] text) {
    int length = 0;
    while (length < text.length && text[length] != 0) {
      length++;
    }
    return new String(text, 0, length, StandardCharsets.UTF_8);
  }

  @Override
  public Reading<String> name() {
    return text("nvmlDeviceGetName", (text, bytes) -> nvmlDeviceGetName(device, text, bytes));
  }

  @Override
  public Reading<String> id() {
    return text("nvmlDeviceGetUUID", (text, bytes) -> nvmlDeviceGetUUID(device, text, bytes));
  }

  @Override
  public Reading<String> driver() {
    return text("nvmlSystemGetDriverVersion", (text, bytes) -> nvmlSystemGetDriverVersion(text, bytes));
  }

  @Override
  public Reading<String> runtime() {
    return integer("nvmlSystemGetCudaDriverVersion_v2", version -> nvmlSystemGetCudaDriverVersion_v2(version))
        .map(version -> "CUDA " + GpuVersions.cuda(version));
  }

  @Override
  public Reading<String> computeCapability() {
    int[] major = new int[1];
    int[] minor = new int[1];
    int status = nvmlDeviceGetCudaComputeCapability(device, major, minor);
    return status == NVML_SUCCESS ? Reading.of(major[0] + "." + minor[0]) : Reading.unreadable(reason("nvmlDeviceGetCudaComputeCapability", status));
  }

  @Override
  public Reading<Integer> cores() {
    return multiprocessors < 0 ? Reading.unreadable("the CUDA runtime does not tell the number of multiprocessors") : Reading.of(multiprocessors);
  }

  private Reading<nvmlMemory_t> memory() {
    nvmlMemory_t memory = new nvmlMemory_t();
    int status = nvmlDeviceGetMemoryInfo(device, memory);
    return status == NVML_SUCCESS ? Reading.of(memory) : Reading.unreadable(reason("nvmlDeviceGetMemoryInfo", status));
  }

  @Override
  public Reading<Long> memoryBytes() {
    return memory().map(memory -> memory.total());
  }

  @Override
  public Reading<Long> memoryFreeBytes() {
    return memory().map(memory -> memory._free());
  }

  @Override
  public Reading<Boolean> eccEnabled() {
    int[] pending = new int[1];
    return integer("nvmlDeviceGetEccMode", current -> nvmlDeviceGetEccMode(device, current, pending)).map(mode -> mode == NVML_FEATURE_ENABLED);
  }

  @Override
  public Reading<EccErrors> eccErrors() {
    return ecc(NVML_VOLATILE_ECC);
  }

  @Override
  public Reading<EccErrors> eccErrorsEver() {
    return ecc(NVML_AGGREGATE_ECC);
  }

  private Reading<EccErrors> ecc(int counter) {
    String name = "nvmlDeviceGetTotalEccErrors";
    Reading<Long> corrected = number(name, n -> nvmlDeviceGetTotalEccErrors(device, NVML_MEMORY_ERROR_TYPE_CORRECTED, counter, n));
    Reading<Long> uncorrected = number(name, n -> nvmlDeviceGetTotalEccErrors(device, NVML_MEMORY_ERROR_TYPE_UNCORRECTED, counter, n));
    return corrected.isKnown() && uncorrected.isKnown()
        ? Reading.of(new EccErrors(corrected.value(), uncorrected.value()))
        : Reading.unreadable(corrected.isKnown() ? uncorrected.unreadable() : corrected.unreadable());
  }

  @Override
  public Reading<RowRemap> rowRemap() {
    int[] uncorrected = new int[1];
    int[] pending = new int[1];
    int[] failed = new int[1];
    return integer("nvmlDeviceGetRemappedRows", corrected -> nvmlDeviceGetRemappedRows(device, corrected, uncorrected, pending, failed))
        .map(corrected -> new RowRemap(corrected, uncorrected[0], pending[0] != 0, failed[0] != 0));
  }

  @Override
  public Reading<PcieLink> pcie() {
    return link(integer("nvmlDeviceGetCurrPcieLinkGeneration", n -> nvmlDeviceGetCurrPcieLinkGeneration(device, n)),
        integer("nvmlDeviceGetCurrPcieLinkWidth", n -> nvmlDeviceGetCurrPcieLinkWidth(device, n)));
  }

  @Override
  public Reading<PcieLink> pcieMax() {
    return link(integer("nvmlDeviceGetMaxPcieLinkGeneration", n -> nvmlDeviceGetMaxPcieLinkGeneration(device, n)),
        integer("nvmlDeviceGetMaxPcieLinkWidth", n -> nvmlDeviceGetMaxPcieLinkWidth(device, n)));
  }

  private static Reading<PcieLink> link(Reading<Integer> generation, Reading<Integer> width) {
    return generation.isKnown() && width.isKnown()
        ? Reading.of(new PcieLink(generation.value(), width.value()))
        : Reading.unreadable(generation.isKnown() ? width.unreadable() : generation.unreadable());
  }

  @Override
  public Reading<List<NvLink>> nvLinks() {
    List<NvLink> links = new ArrayList<>();
    int[] active = new int[1];
    for (int link = 0; link < NVML_NVLINK_MAX_LINKS; link++) {
      int status = nvmlDeviceGetNvLinkState(device, link, active);
      if (status == NVML_ERROR_INVALID_ARGUMENT || status == NVML_ERROR_NOT_SUPPORTED) {
        break; // there are no more
      }
      if (status != NVML_SUCCESS) {
        return Reading.unreadable(reason("nvmlDeviceGetNvLinkState", status));
      }
      links.add(new NvLink(link, active[0] == NVML_FEATURE_ENABLED, linkErrors(link)));
    }
    return Reading.of(List.copyOf(links));
  }

  private long linkErrors(int link) {
    long sum = 0;
    long[] count = new long[1];
    for (int kind : new int[] {NVML_NVLINK_ERROR_DL_REPLAY, NVML_NVLINK_ERROR_DL_RECOVERY, NVML_NVLINK_ERROR_DL_CRC_FLIT, NVML_NVLINK_ERROR_DL_CRC_DATA}) {
      // A generation of links counts some of these only.
      if (nvmlDeviceGetNvLinkErrorCounter(device, link, kind, count) == NVML_SUCCESS) {
        sum += count[0];
      }
    }
    return sum;
  }

  @Override
  public Reading<Integer> nvLinkMegabytes() {
    Reading<List<NvLink>> links = nvLinks();
    if (links.isKnown() && links.value().stream().noneMatch(NvLink::active)) {
      return Reading.absent();
    }
    return field("NVLINK_SPEED_MBPS_COMMON", NVML_FI_DEV_NVLINK_SPEED_MBPS_COMMON);
  }

  @Override
  public Reading<Integer> coreClockMhz() {
    return integer("nvmlDeviceGetClockInfo", mhz -> nvmlDeviceGetClockInfo(device, NVML_CLOCK_SM, mhz));
  }

  @Override
  public Reading<Integer> coreClockMaxMhz() {
    return integer("nvmlDeviceGetMaxClockInfo", mhz -> nvmlDeviceGetMaxClockInfo(device, NVML_CLOCK_SM, mhz));
  }

  @Override
  public Reading<Integer> memoryClockMhz() {
    return integer("nvmlDeviceGetClockInfo", mhz -> nvmlDeviceGetClockInfo(device, NVML_CLOCK_MEM, mhz));
  }

  @Override
  public Reading<Integer> memoryClockMaxMhz() {
    return integer("nvmlDeviceGetMaxClockInfo", mhz -> nvmlDeviceGetMaxClockInfo(device, NVML_CLOCK_MEM, mhz));
  }

  @Override
  @SuppressWarnings("deprecation")
  public Reading<Integer> temperatureCelsius() {
    // Deprecated for one that older drivers lack, where calling it would end the process.
    return integer("nvmlDeviceGetTemperature", celsius -> nvmlDeviceGetTemperature(device, NVML_TEMPERATURE_GPU, celsius));
  }

  @Override
  public Reading<Integer> memoryTemperatureCelsius() {
    return field("MEMORY_TEMP", NVML_FI_DEV_MEMORY_TEMP);
  }

  private Reading<Integer> field(String name, int id) {
    try (nvmlFieldValue_t field = new nvmlFieldValue_t()) {
      field.fieldId(id).scopeId(0);
      int status = nvmlDeviceGetFieldValues(device, 1, field);
      if (status == NVML_SUCCESS) {
        status = field.nvmlReturn();
      }
      return status == NVML_SUCCESS ? Reading.of(field.value().uiVal()) : Reading.unreadable(reason("nvmlDeviceGetFieldValues(" + name + ")", status));
    }
  }

  @Override
  public Reading<Integer> slowdownCelsius() {
    return integer("nvmlDeviceGetTemperatureThreshold",
        celsius -> nvmlDeviceGetTemperatureThreshold(device, NVML_TEMPERATURE_THRESHOLD_SLOWDOWN, celsius));
  }

  @Override
  public Reading<Double> powerWatts() {
    return integer("nvmlDeviceGetPowerUsage", milliwatts -> nvmlDeviceGetPowerUsage(device, milliwatts)).map(NvmlHealth::watts);
  }

  @Override
  public Reading<Double> powerLimitWatts() {
    return integer("nvmlDeviceGetEnforcedPowerLimit", milliwatts -> nvmlDeviceGetEnforcedPowerLimit(device, milliwatts)).map(NvmlHealth::watts);
  }

  @Override
  public Reading<Double> powerLimitDefaultWatts() {
    return integer("nvmlDeviceGetPowerManagementDefaultLimit", milliwatts -> nvmlDeviceGetPowerManagementDefaultLimit(device, milliwatts))
        .map(NvmlHealth::watts);
  }

  @Override
  public Reading<Double> energyJoules() {
    return number("nvmlDeviceGetTotalEnergyConsumption", millijoules -> nvmlDeviceGetTotalEnergyConsumption(device, millijoules))
        .map(millijoules -> millijoules / 1e3);
  }

  private static double watts(int milliwatts) {
    return milliwatts / 1e3;
  }

  @Override
  public Reading<Set<Throttle>> throttle() {
    return number("nvmlDeviceGetCurrentClocksEventReasons", reasons -> nvmlDeviceGetCurrentClocksEventReasons(device, reasons))
        .map(NvmlThrottle::of);
  }

  @Override
  public Reading<List<Integer>> xids() {
    return xids.read();
  }

  @Override
  public Reading<List<DeviceProcess>> otherProcesses() {
    return own.othersOf(processes());
  }

  private Reading<List<DeviceProcess>> processes() {
    int[] n = {64};
    try (nvmlProcessInfo_v2_t all = new nvmlProcessInfo_v2_t(n[0])) {
      int status = nvmlDeviceGetComputeRunningProcesses_v3(device, n, all);
      if (status != NVML_SUCCESS) {
        return Reading.unreadable(reason("nvmlDeviceGetComputeRunningProcesses_v3", status));
      }
      List<DeviceProcess> found = new ArrayList<>();
      for (int i = 0; i < n[0]; i++) {
        nvmlProcessInfo_v2_t one = all.getPointer(i);
        int pid = one.pid();
        long bytes = one.usedGpuMemory();
        Reading<String> name = text("nvmlSystemGetProcessName", (text, size) -> nvmlSystemGetProcessName(pid, text, size));
        found.add(new DeviceProcess(pid, name.isKnown() ? OwnProcess.program(name.value()) : "?", bytes < 0 ? -1 : bytes));
      }
      return Reading.of(List.copyOf(found));
    }
  }

  @Override
  public void close() {
    xids.close();
    nvmlShutdown();
  }
}
