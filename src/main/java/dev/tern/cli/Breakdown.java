package dev.tern.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.StepProfile;
import dev.tern.bench.SpeedTest;
import dev.tern.bench.StepParts;
import java.util.List;
import java.util.Locale;

/**
 * The parts of a decode step as a table: time, share of the step, bytes of weights and cached keys and values, and which share of the part's
 * floor (reading those bytes at the memory's bandwidth) was reached.
 *
 * @param threads of the run
 * @param bandwidth bytes per second with all cores, measured right before and right after the profile
 */
record Breakdown(int threads, SpeedTest test, StepProfile profile, double bandwidth) {
  /** All but the products of the layers, the rotation and the look-ups: what the share of attention, norms, head and sampling is of. */
  static final List<String> BESIDE_PRODUCTS = List.of("attention", "norm", "gate_norm", "head", "sample");

  private static final List<String> LAYER_PRODUCTS = List.of("qkv", "attn_out", "gate_up", "down");
  private double share(long nanos) {
    return nanos / (double) profile.nanos();
  }

  /** Share of the step of all parts of these names. */
  double share(List<String> names) {
    return share(profile.nanosOf(names));
  }

  private String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  private String[] line(String title, String calls, long nanos, long bytes) {
    double steps = profile.steps();
    return new String[] {
      title, calls, String.format(Locale.ROOT, "%.3f", nanos / steps * 1e-6), percent(share(nanos)),
      bytes == 0 ? "" : String.format(Locale.ROOT, "%.2f", bytes / steps * 1e-6),
      bytes == 0 ? "" : percent(bytes / bandwidth / (nanos * 1e-9))
    };
  }

  String table() {
    MarkdownTable table = new MarkdownTable("part", "calls", "ms/step", "share", "MB/step", "of its floor");
    long bytes = 0;
    for (StepProfile.Part part : profile.parts()) {
      bytes += part.bytes();
      table.row(line(StepParts.title(part.name()), Long.toString(part.calls() / profile.steps()), part.nanos(), part.bytes()));
    }
    table.row(line("between the parts", "", profile.otherNanos(), 0));
    table.row(line("step", "1", profile.nanos(), bytes));
    return String.format(Locale.ROOT, "%s, %d threads, read bandwidth %.2f GB/s with all cores:%n%n", test.name(), threads, bandwidth * 1e-9)
        + table
        + String.format(Locale.ROOT, "%nproducts of the layers %s; attention, norms (with quantise and gate), head and sampling %s, without the head %s%n",
            percent(share(LAYER_PRODUCTS)), percent(share(BESIDE_PRODUCTS)),
            percent(share(BESIDE_PRODUCTS.stream().filter(n -> !n.equals("head")).toList())));
  }

  String csv() {
    StringBuilder text = new StringBuilder();
    for (StepProfile.Part part : profile.parts()) {
      text.append(csvLine(part.name(), part.calls(), part.nanos(), part.bytes()));
    }
    return text.append(csvLine("other", 0, profile.otherNanos(), 0)).append(csvLine("step", profile.steps(), profile.nanos(), 0)).toString();
  }

  static String csvHeader() {
    return "n_threads,test,part,calls,nanos,bytes,share,read_bytes_per_second_all_cores\n";
  }

  private String csvLine(String part, long calls, long nanos, long bytes) {
    return String.format(Locale.ROOT, "%d,%s,%s,%d,%d,%d,%.5f,%.0f%n", threads, test.name(), part, calls, nanos, bytes, share(nanos), bandwidth);
  }

  ObjectNode json() {
    ObjectNode node = new ObjectMapper().createObjectNode();
    node.put("n_threads", threads).put("test", test.name()).put("n_batch", test.batch()).put("n_depth", test.depth());
    node.put("steps", profile.steps()).put("nanos", profile.nanos()).put("read_bytes_per_second_all_cores", bandwidth);
    ArrayNode parts = node.putArray("parts");
    for (StepProfile.Part part : profile.parts()) {
      parts.addObject().put("name", part.name()).put("calls", part.calls()).put("nanos", part.nanos()).put("bytes", part.bytes())
          .put("share", share(part.nanos()));
    }
    parts.addObject().put("name", "other").put("calls", 0).put("nanos", profile.otherNanos()).put("bytes", 0).put("share", share(profile.otherNanos()));
    node.put("share_beside_products", share(BESIDE_PRODUCTS));
    return node;
  }
}
