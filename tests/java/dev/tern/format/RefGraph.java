package dev.tern.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The graph of every architecture over a whole prompt, one loop after another: exact, which means in doubles, or with the rounding of a
 * program. Then every step is rounded to a float, sums one addend after another, and what a matrix is multiplied with is rounded first to
 * the type that the program multiplies such a matrix with. Attention sees the whole prompt; {@code RefLlama} has the rolling cache.
 */
final class RefGraph {
  /** Whose rounding. */
  enum Arithmetic {
    EXACT, TERN, TERN_VNNI, LLAMA_CPP, IK
  }

  /** A matrix is [columns][rows]: the sums of all rows grow side by side. */
  private record Weight(TensorType type, boolean ternary, int nRows, float[] values) {}

  private final ModelSpec spec;
  private final Map<WeightRole, Weight[]> weights = new EnumMap<>(WeightRole.class); // [max(layer, 0)]

  RefGraph(ModelFile file) {
    spec = ModelSpec.from(file);
    for (WeightRef w : spec.weights()) {
      float[] values = values(file, w);
      boolean ternary = w.mayBeTernary() && ternary(values, w.nCols());
      float[] columns = new float[values.length];
      for (int i = 0; i < values.length; i++) {
        columns[i % w.nCols() * w.nRows() + i / w.nCols()] = values[i];
      }
      weights.computeIfAbsent(w.role(), r -> new Weight[spec.nLayers()])[Math.max(0, w.layer())] = new Weight(w.type(), ternary, w.nRows(), columns);
    }
  }

  /** With all scales, read here and not by the spec's reader, so that a fault of it shows as a difference. */
  private static float[] values(ModelFile file, WeightRef w) {
    if (w.tensor() == null) {
      return w.computed();
    }
    float[] values = Dequantize.floats(w.type(), bytes(file, w.tensor()), w.nCols());
    TensorInfo scale = file.tensor(w.name().replace(".weight", ".scale"));
    float factor = scale == null ? 1 : bytes(file, scale).getFloat();
    for (int i = 0; i < values.length; i++) {
      values[i] *= factor;
    }
    return values;
  }

  private static ByteBuffer bytes(ModelFile file, TensorInfo tensor) {
    ByteBuffer bytes = ByteBuffer.allocate((int) tensor.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
    file.readTensor(tensor, 0, bytes);
    return bytes.flip();
  }

  /** Whether each row has one magnitude beside 0. */
  private static boolean ternary(float[] values, int columns) {
    float magnitude = 0;
    for (int i = 0; i < values.length; i++) {
      float v = Math.abs(values[i]);
      magnitude = i % columns == 0 || magnitude == 0 ? v : magnitude;
      if (v != 0 && v != magnitude) {
        return false;
      }
    }
    return true;
  }

  /** [tokens][vocabSize] logits after each token. */
  double[][] logits(int[] tokens, Arithmetic arithmetic) {
    return new Pass(arithmetic).logits(tokens);
  }

  private final class Pass {
    private final Arithmetic arithmetic;
    private final boolean exact;

    Pass(Arithmetic arithmetic) {
      this.arithmetic = arithmetic;
      exact = arithmetic == Arithmetic.EXACT;
    }

    private double r(double value) {
      return exact ? value : (float) value;
    }

    double[][] logits(int[] tokens) {
      double[][] x = new double[tokens.length][spec.hiddenDim()];
      for (int i = 0; i < tokens.length; i++) {
        for (int j = 0; j < spec.hiddenDim(); j++) {
          x[i][j] = weight(WeightRole.TOKEN_EMBD, 0).values[j * spec.vocabSize() + tokens[i]];
        }
      }
      for (int layer = 0; layer < spec.nLayers(); layer++) {
        attention(x, layer);
        int l = layer;
        IntStream.range(0, x.length).parallel().forEach(i -> feedForward(x[i], l));
      }
      WeightRole head = spec.tiedOutput() ? WeightRole.TOKEN_EMBD : WeightRole.OUTPUT;
      return IntStream.range(0, x.length).parallel().mapToObj(i -> times(weight(head, 0), norm(x[i], WeightRole.OUTPUT_NORM, 0)))
          .toArray(double[][]::new);
    }

    private void attention(double[][] x, int layer) {
      double[][] q = new double[x.length][];
      double[][] k = new double[x.length][];
      double[][] v = new double[x.length][];
      IntStream.range(0, x.length).parallel().forEach(i -> {
        double[] y = norm(x[i], WeightRole.ATTN_NORM, layer);
        q[i] = times(weight(WeightRole.WQ, layer), y);
        k[i] = times(weight(WeightRole.WK, layer), y);
        v[i] = half(times(weight(WeightRole.WV, layer), y));
        if (weights.containsKey(WeightRole.ATTN_Q_NORM)) {
          normHeads(q[i], WeightRole.ATTN_Q_NORM, layer);
          normHeads(k[i], WeightRole.ATTN_K_NORM, layer);
        }
        rotate(q[i], i);
        rotate(k[i], i);
      });
      IntStream.range(0, x.length).parallel().forEach(i -> {
        double[] out = new double[q[i].length];
        for (int h = 0; h < spec.nHeads(); h++) {
          head(q[i], k, v, i, h, out);
        }
        if (spec.subNorms()) {
          out = norm(out, WeightRole.ATTN_SUB_NORM, layer);
        }
        add(x[i], times(weight(WeightRole.WO, layer), out));
      });
    }

    /** Position i sees itself and what was before it. */
    private void head(double[] q, double[][] k, double[][] v, int i, int h, double[] out) {
      int dim = spec.headDim();
      int kv = h / (spec.nHeads() / spec.nKvHeads()) * dim;
      double[] p = new double[i + 1];
      double max = Double.NEGATIVE_INFINITY;
      for (int j = 0; j <= i; j++) {
        for (int e = 0; e < dim; e++) {
          p[j] = r(p[j] + r(q[h * dim + e] * k[j][kv + e]));
        }
        p[j] = r(p[j] * r(1 / Math.sqrt(dim)));
        max = Math.max(max, p[j]);
      }
      double sum = 0;
      for (int j = 0; j <= i; j++) {
        p[j] = r(Math.exp(p[j] - max));
        sum = r(sum + p[j]);
      }
      for (int j = 0; j <= i; j++) {
        p[j] = r(p[j] / sum);
      }
      p = half(p);
      for (int e = 0; e < dim; e++) {
        for (int j = 0; j <= i; j++) {
          out[h * dim + e] = r(out[h * dim + e] + r(p[j] * v[j][kv + e]));
        }
      }
    }

    private void rotate(double[] x, int position) {
      boolean halves = spec.ropeStyle() == ModelSpec.RopeStyle.HALVES;
      Weight factors = weights.containsKey(WeightRole.ROPE_FREQS) ? weight(WeightRole.ROPE_FREQS, 0) : null;
      double theta = position;
      double step = r(Math.pow(spec.ropeFreqBase(), -2.0 / spec.ropeDim()));
      for (int i = 0; i < spec.ropeDim() / 2; i++) {
        double angle = factors == null ? theta : r(theta / factors.values[i]);
        double cos = r(Math.cos(angle));
        double sin = r(Math.sin(angle));
        for (int head = 0; head < x.length; head += spec.headDim()) {
          int a = head + (halves ? i : 2 * i);
          int b = halves ? a + spec.ropeDim() / 2 : a + 1;
          double first = x[a];
          x[a] = r(r(first * cos) - r(x[b] * sin));
          x[b] = r(r(first * sin) + r(x[b] * cos));
        }
        theta = r(theta * step);
      }
    }

    private void feedForward(double[] x, int layer) {
      double[] y = norm(x, WeightRole.FFN_NORM, layer);
      double[] gate = times(weight(WeightRole.W_GATE, layer), y);
      double[] up = times(weight(WeightRole.W_UP, layer), y);
      for (int i = 0; i < gate.length; i++) {
        double positive = Math.max(0, gate[i]);
        double gated = spec.gate() == ModelSpec.Gate.RELU2 ? r(positive * positive) : r(gate[i] / r(1 + r(Math.exp(-gate[i]))));
        gate[i] = r(gated * up[i]);
      }
      if (spec.subNorms()) {
        gate = norm(gate, WeightRole.FFN_SUB_NORM, layer);
      }
      add(x, times(weight(WeightRole.W_DOWN, layer), gate));
    }

    private double[] norm(double[] x, WeightRole role, int layer) {
      double[] y = x.clone();
      norm(y, 0, x.length, weight(role, layer).values);
      return y;
    }

    private void normHeads(double[] x, WeightRole role, int layer) {
      for (int head = 0; head < x.length; head += spec.headDim()) {
        norm(x, head, spec.headDim(), weight(role, layer).values);
      }
    }

    private void norm(double[] x, int at, int n, float[] weight) {
      double squares = 0;
      for (int i = at; i < at + n; i++) {
        squares = r(squares + r(x[i] * x[i]));
      }
      double factor = r(1 / r(Math.sqrt(r(r(squares / n) + spec.normEps()))));
      for (int i = 0; i < n; i++) {
        x[at + i] = r(r(x[at + i] * factor) * weight[i]);
      }
    }

    private double[] times(Weight matrix, double[] x) {
      double[] with = rounded(x, matrix);
      double[] y = new double[matrix.nRows];
      if (exact) {
        for (int j = 0; j < x.length; j++) {
          addColumn(y, matrix.values, j * y.length, with[j]);
        }
        return y;
      }
      float[] sums = new float[matrix.nRows];
      for (int j = 0; j < x.length; j++) {
        addColumn(sums, matrix.values, j * sums.length, (float) with[j]);
      }
      Arrays.setAll(y, i -> sums[i]);
      return y;
    }

    private void add(double[] x, double[] y) {
      for (int i = 0; i < x.length; i++) {
        x[i] = r(x[i] + y[i]);
      }
    }

    /** What the program multiplies the matrix with. */
    private double[] rounded(double[] x, Weight matrix) {
      return switch (arithmetic) {
        case EXACT -> x;
        case TERN, TERN_VNNI -> {
          if (matrix.ternary) {
            yield int8(x, x.length, Rounding.NONE);
          }
          yield arithmetic != Arithmetic.TERN_VNNI ? x : switch (matrix.type) {
            case Q8_0, Q6_K, Q4_0 -> int16(x);
            default -> x;
          };
        }
        case LLAMA_CPP -> switch (matrix.type) {
          case F32 -> x;
          case F16 -> each(x, Rounding.F16);
          case BF16 -> each(x, Rounding.BF16);
          case Q8_0, Q4_0, Q2_0 -> int8(x, 32, Rounding.F16);
          default -> int8(x, 256, Rounding.NONE);
        };
        case IK -> switch (matrix.type) {
          case F32 -> x;
          case F16 -> each(x, Rounding.F16);
          case Q6_K -> int8(x, 32, Rounding.BF16);
          default -> int8(x, x.length, Rounding.NONE);
        };
      };
    }

    /** ik_llama.cpp keeps values in F16, and multiplies them with weights in F16. */
    private double[] half(double[] x) {
      return arithmetic == Arithmetic.IK ? each(x, Rounding.F16) : x;
    }
  }

  private static void addColumn(double[] sums, float[] columns, int at, double factor) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] += columns[at + i] * factor;
    }
  }

  private static void addColumn(float[] sums, float[] columns, int at, float factor) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] += columns[at + i] * factor;
    }
  }

  private enum Rounding {
    NONE, F16, BF16;

    double of(double value) {
      float single = (float) value;
      return switch (this) {
        case NONE -> single;
        case F16 -> Half.toFloat(Half.of(single));
        case BF16 -> {
          int bits = Float.floatToRawIntBits(single);
          yield Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
        }
      };
    }
  }

  private static double[] each(double[] x, Rounding rounding) {
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = rounding.of(x[i]);
    }
    return y;
  }

  /** Blocks of so many elements, each a scale and numbers from -127 to 127. */
  private static double[] int8(double[] x, int block, Rounding scales) {
    double[] y = new double[x.length];
    for (int at = 0; at < x.length; at += block) {
      double max = 0;
      for (int i = at; i < at + block; i++) {
        max = Math.max(max, Math.abs(x[i]));
      }
      for (int i = at; i < at + block && max > 0; i++) {
        y[i] = Math.rint(x[i] * (127 / max)) * scales.of(max / 127);
      }
    }
    return y;
  }

  /** Blocks of 32 elements: numbers of at most 32639 times a power of two, the least that does. */
  private static double[] int16(double[] x) {
    double[] y = new double[x.length];
    for (int at = 0; at < x.length; at += 32) {
      double max = 0;
      for (int i = at; i < at + 32; i++) {
        max = Math.max(max, Math.abs(x[i]));
      }
      double unit = max == 0 ? 1 : Math.scalb(1.0, Math.getExponent(max) - 14);
      unit = max / unit < 32639.5 ? unit : 2 * unit;
      for (int i = at; i < at + 32; i++) {
        y[i] = Math.rint(x[i] / unit) * unit;
      }
    }
    return y;
  }

  private Weight weight(WeightRole role, int layer) {
    return weights.get(role)[layer];
  }
}
