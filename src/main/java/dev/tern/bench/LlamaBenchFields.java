package dev.tern.bench;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A row in the words of llama.cpp's llama-bench: its fields, names and meanings, so that what reads its reports (its compare-llama-bench.py) reads
 * these. What Tern has no such option for is told as it is in llama-bench's terms: all layers on the device, no mmap. Tern's own fields follow.
 */
final class LlamaBenchFields {
  private LlamaBenchFields() {}

  /** In order; values are texts, numbers and booleans, and null where there is nothing to tell. Without the samples. */
  static Map<String, Object> of(ModelReport report, ModelRow row) {
    Map<String, Object> fields = new LinkedHashMap<>();
    configuration(fields, report, row);
    SpeedTest test = row.test();
    fields.put("n_prompt", test.nPrompt());
    fields.put("n_gen", test.nGen());
    fields.put("n_depth", test.depth());
    fields.put("test_time", row.time());
    fields.put("avg_ns", Math.round(row.times().mean()));
    fields.put("stddev_ns", Math.round(row.times().deviation()));
    fields.put("avg_ts", row.rates().mean());
    fields.put("stddev_ts", row.rates().deviation());
    own(fields, report, row);
    return fields;
  }

  private static void configuration(Map<String, Object> fields, ModelReport report, ModelRow row) {
    ModelReport.Subject m = report.model();
    fields.put("build_commit", report.version());
    fields.put("build_number", 0);
    fields.put("cpu_info", report.processor());
    fields.put("gpu_info", report.gpu());
    fields.put("backends", m.backend());
    fields.put("model_filename", m.file());
    fields.put("model_type", m.type());
    fields.put("model_size", m.weightBytes());
    fields.put("model_n_params", m.nParameters());
    fields.put("n_batch", SpeedRunner.PREFILL_CHUNK);
    fields.put("n_ubatch", SpeedRunner.PREFILL_CHUNK);
    fields.put("n_threads", row.nThreads());
    fields.put("cpu_mask", "0x0");
    fields.put("cpu_strict", false);
    fields.put("poll", 0);
    fields.put("type_k", m.kvType());
    fields.put("type_v", m.kvType());
    fields.put("n_gpu_layers", m.onGpu() ? m.nLayers() + 1 : 0);
    fields.put("n_cpu_moe", 0);
    fields.put("split_mode", "none");
    fields.put("main_gpu", m.onGpu() ? Integer.parseInt(m.device().substring(m.device().indexOf(':') + 1)) : 0);
    fields.put("no_kv_offload", false);
    fields.put("flash_attn", 1);
    fields.put("devices", m.device());
    fields.put("tensor_split", "0.00");
    fields.put("tensor_buft_overrides", "none");
    fields.put("use_mmap", false);
    fields.put("load_mode", "none");
    fields.put("embeddings", false);
    fields.put("no_op_offload", 0);
    fields.put("no_host", false);
    fields.put("fit_target", 0);
    fields.put("fit_min_ctx", 0);
  }

  private static void own(Map<String, Object> fields, ModelReport report, ModelRow row) {
    ModelReport.Subject m = report.model();
    SpeedTest test = row.test();
    fields.put("model", m.name());
    fields.put("test", test.name());
    fields.put("n_streams", test.batch());
    fields.put("repetitions", row.nanos().length);
    fields.put("median_ts", row.rates().median());
    fields.put("min_ts", row.rates().min());
    fields.put("max_ts", row.rates().max());
    fields.put("decode_bytes", m.decodeBytes());
    fields.put("read_bytes_per_second", Math.round(row.bandwidth()));
    fields.put("read_bytes_per_second_all_cores", Math.round(row.allCores()));
    fields.put("share_of_floor", test.decode() ? row.shareOfFloor(m.decodeBytes()) : null);
    fields.put("foreign", Double.isNaN(row.foreign()) ? null : row.foreign());
    fields.put("joules_per_token", row.joulesPerToken().value());
    fields.put("load_ns", m.loadNanos());
    fields.put("load_peak_resident_bytes", m.loadPeakBytes());
  }

  static double[] rates(ModelRow row) {
    return Arrays.stream(row.nanos()).mapToDouble(row.test()::rate).toArray();
  }
}
