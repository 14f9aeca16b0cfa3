package dev.tern.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** {@link KernelReport} as JSON: docs/bench.md has the schema. A field that is added needs no new version, one that changes does. */
public final class KernelReportJson {
  static final String SCHEMA = "tern-bench-kernel";
  static final int VERSION = 1;
  /** What a report may have: each is many times what a run makes, and few enough to be drawn. */
  private static final int MAX_RESULTS = 10_000;
  private static final int MAX_PEERS = 32;
  private static final int MAX_NAMES = 64;
  /** Pages name it in commands that a reader is told to type. */
  private static final Pattern DEVICE = Pattern.compile("cpu|cuda(:[0-9]{1,4})?");
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private KernelReportJson() {}

  /** The report as indented JSON, with a line feed at its end. */
  public static String write(KernelReport report) {
    ObjectNode root = NODES.objectNode();
    root.put("schema", SCHEMA).put("schema_version", VERSION).put("version", report.version()).put("date", report.date());
    root.set("machine", texts(report.machine()));
    ObjectNode device = root.putObject("device").put("name", report.device()).put("model", report.deviceName());
    device.set("description", description(report.description()));
    root.set("options", texts(report.options()));
    Ceilings ceilings = report.ceilings();
    ObjectNode measured = root.putObject("ceilings").put("read_bytes_per_s", ceilings.readBytesPerSecond())
        .put("copy_bytes_per_s", ceilings.copyBytesPerSecond()).put("cache_bytes", ceilings.cacheBytes());
    measured.set("ops_per_s", peaks(ceilings.opsPerSecond()));
    Datasheet sheet = report.datasheet();
    if (sheet != null) {
      root.putObject("datasheet").put("device", sheet.device()).put("bytes_per_s", sheet.bytesPerSecond()).put("source", sheet.source())
          .set("ops_per_s", peaks(sheet.opsPerSecond()));
    }
    ArrayNode notes = root.putArray("notes");
    report.notes().forEach(notes::add);
    ArrayNode results = root.putArray("results");
    report.results().forEach(r -> results.add(result(r, ceilings, sheet)));
    return root.toPrettyString() + "\n";
  }

  private static JsonNode description(String json) {
    try {
      return MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      return NODES.textNode(json);
    }
  }

  private static ObjectNode texts(Map<String, String> map) {
    ObjectNode node = NODES.objectNode();
    new TreeMap<>(map).forEach(node::put);
    return node;
  }

  private static ObjectNode peaks(Map<KernelPeak, Double> rates) {
    ObjectNode node = NODES.objectNode();
    new TreeMap<>(rates).forEach((peak, rate) -> node.put(peak.id(), rate));
    return node;
  }

  private static ObjectNode result(KernelResult r, Ceilings ceilings, Datasheet sheet) {
    KernelCase c = r.kernelCase();
    ObjectNode node = NODES.objectNode().put("op", c.op().id()).put("dtype", c.dtype()).put("shape", c.shape()).put("cache", c.cache())
        .put("rows", c.nRows()).put("out", c.nOut()).put("in", c.nIn()).put("heads", c.nHeads()).put("kv_heads", c.nKvHeads()).put("head_dim", c.headDim());
    if (!c.kernel().isEmpty()) {
      node.put("asked_kernel", c.kernel());
    }
    if (!r.measured()) {
      return node.put("unsupported", r.unsupported());
    }
    KernelWork w = r.work();
    node.put("kernel", r.kernel()).put("peak", w.peak().id()).put("ops", w.ops()).put("bytes_read", w.bytesRead()).put("bytes_written", w.bytesWritten());
    times(node, r.times());
    double median = r.times().samples().median();
    node.put("bytes_per_s", w.bytes() / median).put("ops_per_s", w.ops() / median);
    share(node, "of_bandwidth", w.memoryShare(median, ceilings.bytesPerSecond()));
    share(node, "of_peak", w.arithmeticShare(median, ceilings.opsPerSecond().get(w.peak())));
    share(node, "of_roofline", w.rooflineShare(median, ceilings.bytesPerSecond(), ceilings.opsPerSecond().get(w.peak())));
    if (sheet != null) {
      share(node, "of_datasheet", w.rooflineShare(median, sheet.bytesPerSecond(), sheet.opsPerSecond().get(w.peak())));
    }
    ArrayNode doubts = node.putArray("doubts");
    r.doubts().forEach(doubts::add);
    ArrayNode peers = node.putArray("peers");
    for (PeerResult p : r.peers()) {
      ObjectNode peer = peers.addObject().put("name", p.name()).put("version", p.version()).put("note", p.note());
      if (p.times() != null) {
        times(peer, p.times());
        ArrayNode why = peer.putArray("doubts");
        p.doubts().forEach(why::add);
      }
    }
    return node;
  }

  private static void times(ObjectNode node, KernelTimes t) {
    Samples s = t.samples();
    node.put("median_s", s.median()).put("low_s", s.low()).put("high_s", s.high()).put("min_s", s.min()).put("max_s", s.max());
    share(node, "spread", s.spread());
    node.put("wanted_spread", t.wanted()).put("settled", t.settled()).put("drift", t.drift()).put("calls_per_sample", t.callsPerSample());
    share(node, "foreign", t.foreign());
    ArrayNode samples = node.putArray("samples_s");
    for (double seconds : t.seconds()) {
      samples.add(seconds);
    }
  }

  /** JSON has neither NaN nor infinity: such a number is null. */
  private static void share(ObjectNode node, String field, double value) {
    if (Double.isFinite(value)) {
      node.put(field, value);
    } else {
      node.putNull(field);
    }
  }

  /**
   * Reads a report.
   *
   * @throws ReportFormatException if the file is not there, is no report, or one of a newer version
   * @throws java.io.UncheckedIOException if it cannot be read
   */
  public static KernelReport read(Path file) {
    return read(JsonFile.read(file), file.toString());
  }

  /**
   * Reads a report.
   *
   * @param name of its file, for errors
   * @throws ReportFormatException if the text is no report, or one of a newer version
   */
  public static KernelReport read(String text, String name) {
    return read(JsonFile.parse(text, name), name);
  }

  /**
   * Reads a report out of a file's tree.
   *
   * @param name of the file, for errors
   * @throws ReportFormatException if the tree is no report, or one of a newer version
   */
  public static KernelReport read(JsonNode root, String name) {
    if (!SCHEMA.equals(root.path("schema").asText())) {
      throw new ReportFormatException(name + " is no report of tern bench kernel: its \"schema\" is not \"" + SCHEMA + "\"");
    }
    if (root.path("schema_version").asInt() != VERSION) {
      throw new ReportFormatException(name + " is of schema version " + root.path("schema_version").asText() + ", this reads " + VERSION);
    }
    try {
      return report(root);
    } catch (IllegalArgumentException e) {
      throw new ReportFormatException(name + ": " + e.getMessage(), e);
    }
  }

  private static KernelReport report(JsonNode root) {
    JsonNode ceilings = member(root, "ceilings");
    JsonNode sheet = root.path("datasheet");
    List<String> notes = new ArrayList<>();
    array(root.path("notes"), "notes", Integer.MAX_VALUE).forEach(n -> notes.add(n.asText()));
    List<KernelResult> results = new ArrayList<>();
    array(member(root, "results"), "results", MAX_RESULTS).forEach(r -> results.add(result(r)));
    if (results.stream().flatMap(r -> r.peers().stream()).map(PeerResult::name).distinct().limit(MAX_NAMES + 1L).count() > MAX_NAMES) {
      throw new IllegalArgumentException("\"peers\" have more than " + MAX_NAMES + " names");
    }
    if (results.stream().mapToLong(r -> r.peers().size()).sum() > MAX_RESULTS) {
      throw new IllegalArgumentException("\"peers\" are more than " + MAX_RESULTS + " in all results together");
    }
    JsonNode device = member(root, "device");
    if (!DEVICE.matcher(device.path("name").asText()).matches()) {
      throw new IllegalArgumentException("\"name\" of the \"device\" is " + device.path("name") + ", it must be cpu, cuda or cuda:N");
    }
    return new KernelReport(root.path("version").asText(), root.path("date").asText(), texts(root.path("machine")), device.path("name").asText(),
        device.path("model").asText(), device.path("description").toString(), texts(root.path("options")),
        new Ceilings(rate(ceilings, "read_bytes_per_s"), rate(ceilings, "copy_bytes_per_s"), peaks(ceilings.path("ops_per_s")),
            whole(ceilings, "cache_bytes", 0, Long.MAX_VALUE)),
        sheet.isObject() ? new Datasheet(sheet.path("device").asText(), rate(sheet, "bytes_per_s"), peaks(sheet.path("ops_per_s")), sheet.path("source").asText())
            : null,
        notes, results);
  }

  private static Map<String, String> texts(JsonNode node) {
    Map<String, String> map = new LinkedHashMap<>();
    node.properties().forEach(e -> map.put(e.getKey(), e.getValue().asText()));
    return map;
  }

  private static Map<KernelPeak, Double> peaks(JsonNode node) {
    Map<KernelPeak, Double> map = new EnumMap<>(KernelPeak.class);
    for (KernelPeak peak : KernelPeak.values()) {
      if (node.has(peak.id())) {
        map.put(peak, rate(node, peak.id()));
      }
    }
    return map;
  }

  private static KernelResult result(JsonNode r) {
    KernelOp op = KernelOp.of(member(r, "op").asText());
    KernelCase c = new KernelCase(op, member(r, "dtype").asText(), (int) whole(r, "rows", 1, Integer.MAX_VALUE), size(r, "out"), size(r, "in"), size(r, "heads"), size(r, "kv_heads"),
        size(r, "head_dim"), cold(member(r, "cache").asText()), r.path("asked_kernel").asText());
    if (!KernelCase.of(op, c.dtype(), c.shape(), c.cold()).map(same -> same.withKernel(c.kernel())).equals(Optional.of(c))) { // sizes that it should not have, or beyond a billion
      throw new IllegalArgumentException(String.format("%s has no such sizes: rows %d, out %d, in %d, heads %d, kv_heads %d, head_dim %d", op.id(), c.nRows(),
          c.nOut(), c.nIn(), c.nHeads(), c.nKvHeads(), c.headDim()));
    }
    if (r.has("unsupported")) {
      return KernelResult.unsupported(c, r.path("unsupported").asText());
    }
    KernelPeak peak = peak(member(r, "peak").asText());
    List<PeerResult> peers = new ArrayList<>();
    array(r.path("peers"), "peers", MAX_PEERS).forEach(p -> peers.add(
        new PeerResult(p.path("name").asText(), p.path("version").asText(), p.has("samples_s") ? times(p) : null, p.path("note").asText())));
    long read = whole(r, "bytes_read", 0, Long.MAX_VALUE);
    KernelWork work = new KernelWork(peak, whole(r, "ops", 0, Long.MAX_VALUE), read, whole(r, "bytes_written", 0, Long.MAX_VALUE - read)); // their sum is one too
    return new KernelResult(c, r.path("kernel").asText(), work, times(r), null, peers);
  }

  private static KernelPeak peak(String id) {
    for (KernelPeak peak : KernelPeak.values()) {
      if (peak.id().equals(id)) {
        return peak;
      }
    }
    throw new IllegalArgumentException("no peak is called \"" + id + "\"");
  }

  private static KernelTimes times(JsonNode node) {
    JsonNode samples = array(member(node, "samples_s"), "samples_s", Integer.MAX_VALUE);
    double[] seconds = new double[samples.size()];
    for (int i = 0; i < seconds.length; i++) {
      seconds[i] = samples.get(i).isNumber() ? samples.get(i).doubleValue() : Double.NaN;
      if (!(seconds[i] > 0) || Double.isInfinite(seconds[i])) {
        throw new IllegalArgumentException("\"samples_s\" has " + samples.get(i) + ", it must have numbers above 0");
      }
    }
    if (seconds.length == 0) {
      throw new IllegalArgumentException("a result without samples");
    }
    double foreign = node.hasNonNull("foreign") ? number(node, "foreign", 0, 1) : Double.NaN;
    int calls = (int) whole(node, "calls_per_sample", 1, Integer.MAX_VALUE);
    return new KernelTimes(seconds, calls, foreign, number(node, "wanted_spread", 0, Double.MAX_VALUE));
  }

  private static boolean cold(String cache) {
    if (!cache.equals("cold") && !cache.equals("warm")) {
      throw new IllegalArgumentException("\"cache\" is \"" + cache + "\", it must be cold or warm");
    }
    return cache.equals("cold");
  }

  private static JsonNode member(JsonNode node, String name) {
    JsonNode member = node.path(name);
    if (member.isMissingNode()) {
      throw new IllegalArgumentException("\"" + name + "\" is missing");
    }
    return member;
  }

  /** An array, or nothing where a report needs none. */
  private static JsonNode array(JsonNode node, String name, int most) {
    if (!node.isArray() && !node.isMissingNode()) {
      throw new IllegalArgumentException("\"" + name + "\" must be an array");
    }
    if (node.size() > most) {
      throw new IllegalArgumentException("\"" + name + "\" has " + node.size() + " entries, " + most + " at most are read");
    }
    return node;
  }

  private static int size(JsonNode node, String name) {
    return (int) whole(node, name, 0, Integer.MAX_VALUE);
  }

  /** What a device moves or does in a second; 0: it was not measured. */
  private static double rate(JsonNode node, String name) {
    return number(node, name, 0, Double.MAX_VALUE);
  }

  private static long whole(JsonNode node, String name, long least, long most) {
    JsonNode member = member(node, name);
    if (!member.isIntegralNumber() || !member.canConvertToLong() || member.longValue() < least || member.longValue() > most) {
      throw new IllegalArgumentException("\"" + name + "\" is " + member + ", it must be a whole number from " + least + " to " + most);
    }
    return member.longValue();
  }

  private static double number(JsonNode node, String name, double least, double most) {
    JsonNode member = member(node, name);
    if (!member.isNumber() || !(member.doubleValue() >= least && member.doubleValue() <= most)) {
      throw new IllegalArgumentException("\"" + name + "\" is " + member + ", it must be a number from " + least + " to " + most);
    }
    return member.doubleValue();
  }
}
