package dev.tern.bench;

import dev.tern.StepProfile;
import dev.tern.Timings;
import dev.tern.validate.Reading;
import java.util.List;
import java.util.Map;

/** Reports of models that nobody measured. */
public final class ModelReports {
  private static final StepProfile PROFILE = new StepProfile(List.of(new StepProfile.Part("head", 3, 1_500_000, 6_000_000), new StepProfile.Part("norm", 6, 300_000, 0)), 3, 2_100_000);

  private ModelReports() {}

  /** All that a report can hold; the model's name and the joules are given. */
  public static ModelReport report(String name, Reading<Double> joules) {
    Timings timings = new Timings(0, 1_000_000_000L, 3_000_000_000L, 4_000_000_000L);
    ModelRow decode = new ModelRow(2, SpeedTest.of("tg64 x8 @2048"), new long[] {1_000_000_000L, 3_000_000_000L}, List.of(), "2026-11-26T12:00:00Z", 8e9, 10e9, 0.25, joules);
    ModelRow mixed = new ModelRow(2, SpeedTest.of("pp6+tg4"), new long[] {4_000_000_000L}, List.of(timings), "2026-11-26T12:00:01Z", 8e9, 10e9, 0.25, joules);
    RequestTimes times = new RequestTimes(new RequestLoad(6, 4, 1, 1, 1), 2, List.of(timings), 4_000_000_000L, 4, 6, 4);
    List<EfficiencyMetrics.Metric> metrics = List.of(new EfficiencyMetrics.Metric("aec", "average power", "W", joules),
        new EfficiencyMetrics.Metric("amu_device", "memory", "byte", Reading.absent()));
    ModelReport.Subject model = new ModelReport.Subject(name, "m.gguf", "llama 1B", "cuda:3", "f16", 1000, 500, 400, 4, new ModelWork(10, 20, 30), 5, 6);
    IdealRuntime ideal = IdealRuntime.fit(List.of(new IdealRuntime.Sample(1, 1, 1), new IdealRuntime.Sample(1, 3, 5)));
    return new ModelReport("0.1", "2026-11-26T12:00:02Z", "an abacus", "beads", model, "NVML: the GPU", List.of(decode, mixed),
        List.of(new ModelReport.Served(times, Double.NaN, metrics)), new Ceilings(1, 1, Map.of(KernelPeak.F32, 7.0), 1), ideal,
        new InformationCapacity(40, 5, 1 << 20, -27, 99, 1, 100), List.of(new ModelSeries.Profile(2, SpeedTest.of("tg64"), PROFILE, 10e9)));
  }

  static ModelReport report(Reading<Double> joules) {
    return report("a \"model\", really", joules);
  }

  /** The same without anything measured. */
  public static ModelReport empty() {
    ModelReport r = report(Reading.of(1.0));
    return new ModelReport(r.version(), r.date(), r.processor(), "", r.model(), r.energySource(), List.of(), List.of(), null, null, null, List.of());
  }
}
