package dev.tern.bench;

import dev.tern.KvType;
import dev.tern.Model;
import dev.tern.StepProfile;
import dev.tern.Timings;
import dev.tern.validate.Reading;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Measures one model in several ways, in turn. For one thread. */
public final class ModelSeries implements AutoCloseable {
  private final Model model;
  private final SpeedRunner runner;
  private final int repetitions;
  private final EnergyMeter energy;
  private final Consumer<String> began;
  private final Foreign foreign;
  private Ceilings ceilings;
  private KvType kvType;

  /**
   * The parts of the decode steps of a test's median run.
   *
   * @param allCores bytes that all cores read in a second, right before and right after that run
   */
  public record Profile(int threads, SpeedTest test, StepProfile profile, double allCores) {}

  /**
   * @param longest tokens of the longest test without depth
   * @param repetitions of each test, after one to warm up
   * @param began told the name of each test as it begins
   */
  public ModelSeries(Model model, int longest, int repetitions, EnergyMeter energy, Consumer<String> began) {
    this.model = model;
    this.repetitions = repetitions;
    this.energy = energy;
    this.began = began;
    runner = new SpeedRunner(model, longest);
    foreign = new Foreign(model.device().isCuda());
  }

  /**
   * Runs the tests with each number of threads; 0: one per core. What all cores read is measured in turn with the repetitions of a decode test,
   * since it may change within minutes; other tests have no floor, and their rows tell what was read before the first of them.
   */
  public List<ModelRow> rows(int[] threads, List<SpeedTest> tests) {
    List<ModelRow> rows = new ArrayList<>();
    for (int n : threads) {
      if (tests.isEmpty()) {
        break;
      }
      double allCores = runner.bandwidth(0);
      double own = n == 0 ? allCores : runner.bandwidth(n);
      for (SpeedTest test : tests) {
        began.accept(test.name());
        rows.add(row(n, test, own, allCores));
      }
    }
    return rows;
  }

  /** @param own and allCores as measured once */
  private ModelRow row(int threads, SpeedTest test, double own, double allCores) {
    runner.run(threads, test); // to warm up
    kvType = runner.kvType();
    double[] read = new double[test.decode() ? repetitions + 1 : 1];
    read[0] = test.decode() ? runner.bandwidth(0) : allCores;
    String time = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    long[] nanos = new long[repetitions];
    List<Timings> timings = new ArrayList<>();
    foreign.begin();
    Reading<Double> joules = Reading.of(0.0);
    for (int i = 0; i < repetitions; i++) {
      Reading<Double> before = energy.joules();
      nanos[i] = runner.run(threads, test);
      joules = plus(joules, before, energy.joules());
      timings.addAll(test.mixed() ? runner.timings() : List.of());
      if (test.decode()) {
        read[i + 1] = runner.bandwidth(0);
      }
    }
    double median = new Samples(read).median();
    return new ModelRow(runner.threads(), test, nanos, timings, time, threads == 0 ? median : own, median, foreign.share(), joules);
  }

  /** What was used between two readings, added; without the memory's turns. */
  private static Reading<Double> plus(Reading<Double> sum, Reading<Double> before, Reading<Double> after) {
    return !sum.isKnown() ? sum : !before.isKnown() ? before : after.map(a -> sum.value() + a - before.value());
  }

  /**
   * Serves requests with each number of threads.
   *
   * @param sampler made when requests begin: watches memory and energy
   * @param metrics whether EfficientLLM's are wanted; the device's ceilings are measured for them then
   * @param performanceRatio for the compression rate
   */
  public List<ModelReport.Served> served(int[] threads, List<RequestLoad> loads, Supplier<ResourceSampler> sampler, boolean metrics, double performanceRatio) {
    runner.close(); // its engine would be in their memory; the next test makes another
    if (metrics && !loads.isEmpty()) {
      measureCeilings();
    }
    List<RequestTimes> times = new ArrayList<>();
    List<ResourceSampler> watches = new ArrayList<>();
    List<Double> others = new ArrayList<>();
    for (int n : threads) {
      for (RequestLoad load : loads) {
        began.accept(load.name());
        times.add(RequestRunner.run(model, n, load, () -> {
          foreign.begin();
          ResourceSampler watch = sampler.get();
          watches.add(watch);
          return watch;
        }));
        others.add(foreign.share());
      }
    }
    if (metrics && !loads.isEmpty()) {
      measureCeilings();
    }
    List<ModelReport.Served> served = new ArrayList<>();
    for (int i = 0; i < times.size(); i++) {
      served.add(new ModelReport.Served(times.get(i), others.get(i), metrics ? EfficiencyMetrics.of(times.get(i), input(watches.get(i), performanceRatio)) : List.of()));
    }
    return served;
  }

  /** Before and after what is held against them, the better of both: what is in the way of a ceiling only lowers it. */
  private void measureCeilings() {
    began.accept("what the device reaches");
    try (TernKernels kernels = new TernKernels(model.device(), 0)) {
      Ceilings now = kernels.ceilings();
      ceilings = ceilings == null ? now : ceilings.orBetter(now);
    }
  }

  private EfficiencyMetrics.Input input(ResourceSampler watch, double performanceRatio) {
    return new EfficiencyMetrics.Input(watch.averageResidentBytes(), watch.averageDeviceBytes(), watch.joules(), watch.seconds(), model.nParameters(),
        model.weightBytes(), ModelWork.of(model), model.nTernaryWeights(), ModelWork.layerMatrices(model), model.device().isCuda(), ceilings, performanceRatio);
  }

  /** Times requests of each prompt length for each number of tokens, and fits the idealised runtime to all of them. */
  public IdealRuntime ideal(int threads, int[] prompts, int[] outputs) {
    List<IdealRuntime.Sample> samples = new ArrayList<>();
    for (int p : prompts) {
      for (int o : outputs) {
        SpeedTest test = SpeedTest.mixed(p, o);
        began.accept(test.name());
        runner.run(threads, test); // to warm up
        for (int i = 0; i < repetitions; i++) {
          samples.add(new IdealRuntime.Sample(p, o, runner.run(threads, test) * 1e-9));
        }
      }
    }
    return IdealRuntime.fit(samples);
  }

  /** Where the time of a decode step goes, of each test. */
  public List<Profile> breakdowns(int[] threads, List<SpeedTest> tests) {
    List<Profile> all = new ArrayList<>();
    for (int n : threads) {
      for (SpeedTest test : tests) {
        began.accept(test.name());
        runner.run(n, test); // to warm up
        List<SpeedRunner.Profiled> runs = new ArrayList<>();
        for (int i = 0; i < repetitions; i++) {
          runs.add(runner.profile(n, test));
        }
        runs.sort(Comparator.comparingLong(run -> run.profile().nanos()));
        SpeedRunner.Profiled median = runs.get(runs.size() / 2);
        all.add(new Profile(runner.threads(), test, median.profile(), median.allCores()));
      }
    }
    return all;
  }

  /** What the device reaches; null if nobody asked. */
  public Ceilings ceilings() {
    return ceilings;
  }

  /** Of the cache in the last test, as "f16"; empty before one. */
  public String kvType() {
    return kvType == null ? "" : kvType.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public void close() {
    runner.close();
  }
}
