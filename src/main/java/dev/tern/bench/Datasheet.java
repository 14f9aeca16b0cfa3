package dev.tern.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a GPU's maker promises: the table datasheets.tsv, each line with its source.
 *
 * @param device its name there
 * @param bytesPerSecond of the memory
 * @param opsPerSecond of dense tensor-core products with sums in floats or int32, and of multiply-adds of floats
 */
public record Datasheet(String device, double bytesPerSecond, Map<KernelPeak, Double> opsPerSecond, String source) {
  private record Entry(Pattern name, Datasheet sheet) {}

  public Datasheet {
    opsPerSecond = Map.copyOf(opsPerSecond);
  }

  /** The sheet of a device by the name that its driver gives; empty if it is not in the table. */
  public static Optional<Datasheet> of(String driverName) {
    return all().stream().filter(e -> e.name.matcher(driverName).matches()).map(Entry::sheet).findFirst();
  }

  private static List<Entry> all() {
    try (InputStream in = Datasheet.class.getResourceAsStream("datasheets.tsv")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().filter(line -> !line.isBlank() && !line.startsWith("#")).map(Datasheet::entry).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e); // of a resource of this class there is none
    }
  }

  private static Entry entry(String line) {
    String[] fields = line.split("\t");
    return new Entry(Pattern.compile(fields[0]), new Datasheet(fields[1], Double.parseDouble(fields[2]) * 1e9,
        Map.of(KernelPeak.HALF, Double.parseDouble(fields[3]) * 1e12, KernelPeak.INT8, Double.parseDouble(fields[4]) * 1e12,
            KernelPeak.F32, Double.parseDouble(fields[5]) * 1e12), fields[6]));
  }
}
