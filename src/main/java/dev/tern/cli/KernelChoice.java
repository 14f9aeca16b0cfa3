package dev.tern.cli;

import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelOp;
import dev.tern.bench.TernKernels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** Which cases {@code tern bench kernel} was asked for. Names are checked when it is made, before a device is opened. */
final class KernelChoice {
  private final Set<KernelOp> ops = new LinkedHashSet<>();
  private final List<String> types;
  private final List<String> shapes; // null: the default cases
  private final List<String> kernels; // null: those that the device picks
  private final List<Boolean> colds;

  /**
   * @param shapes separated by commas; null: those of the default cases
   * @param types separated by commas; null: all of the default cases, or the usual one
   * @param kernels of ternary cases, separated by commas; "all": every one that the device has; null: those that it picks
   * @throws IllegalArgumentException if there is no such op or type, or if no op has such a shape
   */
  KernelChoice(List<String> ops, String shapes, String types, String kernels, boolean cold, boolean warm) {
    ops.forEach(op -> this.ops.add(KernelOp.of(op)));
    this.types = types == null ? List.of() : parts(types);
    this.types.forEach(TernKernels::checkType);
    this.shapes = shapes == null ? null : parts(shapes);
    this.kernels = kernels == null ? null : parts(kernels);
    colds = cold && warm ? List.of(true, false) : List.of(!warm);
    if (shapes != null) {
      given(true);
    }
  }

  private static List<String> parts(String list) {
    return Arrays.stream(list.split(",")).map(String::strip).distinct().toList();
  }

  /**
   * The cases, none twice.
   *
   * @throws IllegalArgumentException if there are none, if one is no case of this device, or if it has no kernel of a name
   */
  List<KernelCase> cases(TernKernels device) {
    Set<KernelCase> all = new LinkedHashSet<>();
    for (boolean cold : colds) {
      if (shapes != null) {
        all.addAll(given(cold));
      } else {
        device.defaults(cold).stream().filter(c -> ops.isEmpty() || ops.contains(c.op())).filter(c -> types.isEmpty() || types.contains(c.dtype()))
            .forEach(all::add);
      }
    }
    if (all.isEmpty()) {
      throw new IllegalArgumentException("no default case has these ops and types; --shapes gives others");
    }
    List<KernelCase> cases = kernels == null ? List.copyOf(all) : byKernel(device, all);
    cases.forEach(device::check);
    return cases;
  }

  /** Each case that has a choice of kernels once for each that is wanted. */
  private List<KernelCase> byKernel(TernKernels device, Set<KernelCase> all) {
    List<String> there = device.kernels(KernelOp.TERNARY);
    List<String> wanted = kernels.equals(List.of("all")) ? there : kernels;
    for (String name : wanted) {
      if (!there.contains(name)) {
        throw new IllegalArgumentException("--kernel " + name + ": " + (there.isEmpty() ? "this device picks its ternary kernels by the number of rows"
            : "the ternary kernels that this processor runs are " + String.join(", ", there)));
      }
    }
    if (all.stream().noneMatch(c -> c.op() == KernelOp.TERNARY)) {
      throw new IllegalArgumentException("--kernel is of ternary cases, and none was asked for");
    }
    return all.stream().flatMap(c -> c.op() == KernelOp.TERNARY && !wanted.isEmpty() ? wanted.stream().map(c::withKernel) : Stream.of(c)).toList();
  }

  private List<KernelCase> given(boolean cold) {
    if (ops.isEmpty()) {
      throw new IllegalArgumentException("--shapes needs ops to be shapes of: tern bench kernel dense --shapes 1x4096x4096");
    }
    List<KernelCase> all = new ArrayList<>();
    for (String shape : shapes) {
      int before = all.size();
      for (KernelOp op : ops) {
        for (String type : types.isEmpty() ? List.of(usualType(op)) : types) {
          KernelCase.of(op, type, shape, cold).ifPresent(all::add);
        }
      }
      if (all.size() == before) {
        throw new IllegalArgumentException("--shapes " + shape + ": no op that was asked for has sizes of this form; --help lists the forms");
      }
    }
    return all;
  }

  private static String usualType(KernelOp op) {
    return switch (op) {
      case TERNARY -> "TQ2_0";
      case DENSE, EMBED, ATTENTION_DECODE, ATTENTION_PREFILL, ROPE_APPEND -> "F16";
      case NORM_QUANTIZE, GATE_NORM_QUANTIZE, SAMPLE -> "F32";
    };
  }
}
