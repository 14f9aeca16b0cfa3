package dev.tern.bench;

import dev.tern.validate.Reading;
import java.util.List;
import java.util.Locale;

/**
 * The six metrics of EfficientLLM (Yuan et al., 2025) for requests that were served; docs/metrics.md defines each. One that cannot be told has a
 * reason in place of a value.
 */
public final class EfficiencyMetrics {
  /**
   * One metric.
   *
   * @param id as "amu"
   * @param unit of the value; "1": a ratio
   * @param value or why there is none
   */
  public record Metric(String id, String title, String unit, Reading<Double> value) {}

  /**
   * What they are computed from, besides the requests' times.
   *
   * @param residentBytes averaged over time
   * @param deviceBytes of a device with memory of its own; absent without one
   * @param joules used meanwhile
   * @param energySeconds in which they were
   * @param nParameters of the model
   * @param weightBytes as they are kept
   * @param work of the model
   * @param nTernary of its layers' matrices
   * @param nLayerMatrices all of them
   * @param onGpu which peaks bound it
   * @param opsPerSecond measured in the same run; null: not measured
   * @param performanceRatio of the compressed model's quality over the original's
   */
  public record Input(double residentBytes, Reading<Double> deviceBytes, Reading<Double> joules, double energySeconds, long nParameters, long weightBytes,
      ModelWork work, int nTernary, int nLayerMatrices, boolean onGpu, Ceilings opsPerSecond, double performanceRatio) {}

  private static final double ORIGINAL_BYTES = 2; // F16

  private EfficiencyMetrics() {}

  public static List<Metric> of(RequestTimes times, Input in) {
    double original = ORIGINAL_BYTES * in.nParameters;
    return List.of(
        new Metric("amu", "average memory use, resident", "byte", Reading.of(in.residentBytes)),
        new Metric("amu_device", "average memory use, device", "byte", in.deviceBytes),
        new Metric("pcu", "compute utilisation", "1", utilisation(times, in)),
        new Metric("al", "average latency of a request", "s", Reading.of(times.latency().mean())),
        new Metric("it", "inference throughput", "token/s", Reading.of(times.generationRate())),
        new Metric("tt", "token throughput a parameter", "token/s", Reading.of(times.rate() / in.nParameters)),
        new Metric("aec", "average power", "W", in.joules.map(j -> j / in.energySeconds)),
        new Metric("energy_per_token", "energy of a generated token, prompts in it", "J",
            in.joules.map(j -> j / ((double) times.load().nGen() * times.requests().size()))),
        new Metric("mcr", String.format(Locale.ROOT, "model compression rate, performance ratio %s", trim(in.performanceRatio)), "1",
            Reading.of(original / in.weightBytes * in.performanceRatio)));
  }

  private static String trim(double ratio) {
    return ratio == 1 ? "1 (assumed)" : Double.toString(ratio);
  }

  /** The time that the arithmetic would take at the peaks of its kinds, over the time that it took. */
  private static Reading<Double> utilisation(RequestTimes times, Input in) {
    if (in.opsPerSecond == null) {
      return Reading.unreadable("the device's peaks were not measured: --metrics does");
    }
    if (in.nTernary != 0 && in.nTernary != in.nLayerMatrices) {
      return Reading.unreadable(in.nTernary + " of " + in.nLayerMatrices + " matrices of the layers are ternary: which of their operations are is not told");
    }
    KernelPeak floats = in.onGpu ? KernelPeak.HALF : KernelPeak.F32;
    KernelPeak layers = in.nTernary > 0 ? KernelPeak.INT8 : floats;
    Double layerPeak = in.opsPerSecond.opsPerSecond().get(layers);
    Double floatPeak = in.opsPerSecond.opsPerSecond().get(floats);
    if (layerPeak == null || floatPeak == null) {
      return Reading.unreadable("the device has no peak of " + (layerPeak == null ? layers : floats).id() + " arithmetic");
    }
    RequestLoad load = times.load();
    double one = in.work.layerOps(load) / layerPeak + (in.work.headOps(load) + in.work.attentionOps(load)) / floatPeak;
    return Reading.of(one * times.requests().size() / times.seconds());
  }
}
