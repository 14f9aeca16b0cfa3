package dev.tern.cli;

import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.cache.CachePolicy;
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

  private String device = "cpu";

  @Option(names = "--device", paramLabel = "cpu", description = "what computes; this build knows cpu")
  void device(String name) {
    if (!name.equals("cpu")) {
      throw new ParameterException(command.commandLine(), "--device " + name + ": this build knows only the device cpu");
    }
    device = name;
  }

  Engine.Builder builder(Model model) {
    Engine.Builder builder = Engine.builder(model).threads(threads);
    if (sinks != null || window != null) {
      int s = sinks != null ? sinks : DEFAULT_SINKS;
      int w = window != null ? window : Math.max(0, Math.min(model.contextLength(), MAX_DEFAULT_KEYS) - s - 1);
      builder.cachePolicy(CachePolicy.sinksAndWindow(s, w));
    }
    return builder;
  }
}
