package dev.tern.cli;

import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelOp;
import dev.tern.bench.TernKernels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Which cases {@code tern bench kernel} was asked for. Names are checked when it is made, before a device is opened. */
final class KernelChoice {
  private final Set<KernelOp> ops = new LinkedHashSet<>();
  private final List<String> types;
  private final List<String> shapes; // null: the default cases
  private final List<Boolean> colds;

  /**
   * @param shapes separated by commas; null: those of the default cases
   * @param types separated by commas; null: all of the default cases, or the usual one
   * @throws IllegalArgumentException if there is no such op or type, or if no op has such a shape
   */
  KernelChoice(List<String> ops, String shapes, String types, boolean cold, boolean warm) {
    ops.forEach(op -> this.ops.add(KernelOp.of(op)));
    this.types = types == null ? List.of() : parts(types);
    this.types.forEach(TernKernels::checkType);
    this.shapes = shapes == null ? null : parts(shapes);
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
   * @throws IllegalArgumentException if there are none
   */
  List<KernelCase> cases(TernKernels kernels) {
    Set<KernelCase> all = new LinkedHashSet<>();
    for (boolean cold : colds) {
      if (shapes != null) {
        all.addAll(given(cold));
      } else {
        kernels.defaults(cold).stream().filter(c -> ops.isEmpty() || ops.contains(c.op())).filter(c -> types.isEmpty() || types.contains(c.dtype()))
            .forEach(all::add);
      }
    }
    if (all.isEmpty()) {
      throw new IllegalArgumentException("no default case has these ops and types; --shapes gives others");
    }
    return List.copyOf(all);
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
