package dev.tern.cli;

import dev.tern.Engine;
import dev.tern.KvType;
import dev.tern.Model;
import dev.tern.cache.CachePolicy;
import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** On what the model runs, and what its cache keeps. */
final class EngineOptions {
  private static final int DEFAULT_SINKS = 4;
  private static final int MAX_DEFAULT_KEYS = 4096;

  @Spec(Spec.Target.MIXEE)
  CommandSpec command;

  @Option(names = "--threads", paramLabel = "N", description = "threads that compute; 0, the default: one per core")
  int threads;

  @Option(names = "--sinks", paramLabel = "N", description = "first tokens that always stay in the cache; default 4")
  Integer sinks;

  @Option(names = "--window", paramLabel = "N",
      description = "newest tokens that stay in the cache; default: what the model was trained with, at most 4096, less the sinks")
  Integer window;

  @Option(names = "--kv-type", paramLabel = "TYPE", description = "keys and values in the cache: f32 or f16 (cpu), f16, bf16 or i8 (cuda); default: f16, "
      + "f32 for a model of F32 weights on the cpu")
  String kvType;

  Engine.Builder builder(Model model) {
    Engine.Builder builder = Engine.builder(model).threads(threads);
    if (sinks != null || window != null) {
      int s = sinks != null ? sinks : DEFAULT_SINKS;
      int w = window != null ? window : Math.max(0, Math.min(model.contextLength(), MAX_DEFAULT_KEYS) - s - 1);
      builder.cachePolicy(CachePolicy.sinksAndWindow(s, w));
    }
    if (kvType != null) {
      builder.kvType(kvTypeOf(kvType));
    }
    return builder;
  }

  private KvType kvTypeOf(String name) {
    try {
      return KvType.valueOf(name.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command.commandLine(), "--kv-type " + name + ": there are f32, f16, bf16 and i8");
    }
  }
}
