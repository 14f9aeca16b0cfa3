package dev.tern.bench;

import dev.tern.Model;
import java.util.List;
import java.util.Locale;

/**
 * What {@code tern bench model} measured. Whatever was not asked for is null or empty.
 *
 * @param version of Tern
 * @param date when the run ended (ISO 8601, UTC)
 * @param processor the machine's
 * @param gpu the GPU's, or empty
 * @param energySource what the joules are of, or why there are none
 * @param served requests
 * @param ceilings the device's, for the compute utilisation
 * @param profiles of decode steps
 */
public record ModelReport(String version, String date, String processor, String gpu, Subject model, String energySource, List<ModelRow> rows,
    List<Served> served, Ceilings ceilings, IdealRuntime ideal, InformationCapacity capacity,
    List<ModelSeries.Profile> profiles) {
  public ModelReport {
    rows = List.copyOf(rows);
    served = List.copyOf(served);
    profiles = List.copyOf(profiles);
  }

  /** Rows that tell what the memory gave: those of decode, which measured it in turn; without any, all. */
  public List<ModelRow> memoryRows() {
    List<ModelRow> decode = rows.stream().filter(r -> r.test().decode()).toList();
    return decode.isEmpty() ? rows : decode;
  }

  /**
   * Requests of one kind.
   *
   * @param foreign share of the processors that others took meanwhile; NaN if it is not known, or does not matter
   * @param metrics EfficientLLM's; empty if nobody asked
   */
  public record Served(RequestTimes times, double foreign, List<EfficiencyMetrics.Metric> metrics) {
    public Served {
      metrics = List.copyOf(metrics);
    }
  }

  /**
   * The model.
   *
   * @param file as it was named; empty: the embedded one
   * @param device "cpu", "cuda:0"
   * @param kvType of keys and values, as "f16"
   * @param weightBytes in memory
   * @param decodeBytes of weights that a token reads
   * @param loadNanos wall time of loading
   * @param loadPeakBytes the most that was resident while loading
   */
  public record Subject(String name, String file, String type, String device, String kvType, long nParameters, long weightBytes, long decodeBytes, int nLayers,
      ModelWork work, long loadNanos, long loadPeakBytes) {
    /** Of a loaded model. */
    public static Subject of(Model m, String file, String kvType, long loadNanos, long loadPeakBytes) {
      return new Subject(m.name(), file, type(m), m.device().name(), kvType, m.nParameters(), m.weightBytes(), m.decodeBytes(), m.nLayers(), ModelWork.of(m),
          loadNanos, loadPeakBytes);
    }

    /** As llama-bench describes a model: what it is, its size, how it is kept. */
    private static String type(Model m) {
      boolean large = m.nParameters() >= 1e9;
      return String.format(Locale.ROOT, "%s %.2f%s, %.2f bits a weight", m.architecture(), m.nParameters() * (large ? 1e-9 : 1e-6), large ? "B" : "M",
          8.0 * m.weightBytes() / m.nParameters());
    }

    public boolean onGpu() {
      return !device.equals("cpu");
    }

    /** As llama-bench names it. */
    public String backend() {
      return onGpu() ? "CUDA" : "CPU";
    }
  }
}
