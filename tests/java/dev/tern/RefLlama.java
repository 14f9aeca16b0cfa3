package dev.tern;

import dev.tern.format.GgufFile;
import dev.tern.format.ModelSpec;
import dev.tern.format.WeightRef;
import dev.tern.format.WeightRole;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;

/**
 * A llama in doubles, one loop after another: attention is dense, over a matrix D of distances, where D[i][j] says how far key j is from
 * row i, or that it is not seen. The obvious model that a rolling cache must equal. F32 weights, silu, adjacent pairs.
 */
final class RefLlama {
  static final int HIDDEN = -1;

  private final ModelSpec spec;
  private final Map<WeightRole, float[][]> weights = new EnumMap<>(WeightRole.class); // [max(layer, 0)][rows * cols]

  RefLlama(Path path) {
    try (GgufFile file = GgufFile.open(path)) {
      spec = ModelSpec.from(file);
      for (WeightRef w : spec.weights()) {
        ByteBuffer bytes = ByteBuffer.allocate((int) w.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
        w.read(file, 0, bytes);
        float[] values = new float[w.nRows() * w.nCols()];
        bytes.flip().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
        weights.computeIfAbsent(w.role(), r -> new float[spec.nLayers()][])[Math.max(0, w.layer())] = values;
      }
    }
  }

  /** Distances under sinks and window; a window as long as the stream is plain causal attention. */
  static int[][] distances(int n, int sinks, int window) {
    int[][] d = new int[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        boolean near = j <= i && j >= i - window;
        boolean sink = j <= i && j < sinks;
        d[i][j] = near ? i - j : sink ? Math.min(i, sinks + window) - j : HIDDEN;
      }
    }
    return d;
  }

  /** [tokens][vocabSize] logits after each token. */
  double[][] logits(int[] tokens, int[][] distances) {
    int n = tokens.length;
    double[][] x = new double[n][];
    for (int i = 0; i < n; i++) {
      x[i] = row(weights.get(WeightRole.TOKEN_EMBD)[0], tokens[i], spec.hiddenDim());
    }
    for (int layer = 0; layer < spec.nLayers(); layer++) {
      attention(x, layer, distances);
      for (double[] row : x) {
        feedForward(row, layer);
      }
    }
    WeightRole head = spec.tiedOutput() ? WeightRole.TOKEN_EMBD : WeightRole.OUTPUT;
    double[][] logits = new double[n][];
    for (int i = 0; i < n; i++) {
      logits[i] = times(weights.get(head)[0], norm(x[i], WeightRole.OUTPUT_NORM, 0));
    }
    return logits;
  }

  private void attention(double[][] x, int layer, int[][] distances) {
    int n = x.length;
    int dim = spec.headDim();
    double[][] q = new double[n][];
    double[][] k = new double[n][];
    double[][] v = new double[n][];
    for (int i = 0; i < n; i++) {
      double[] y = norm(x[i], WeightRole.ATTN_NORM, layer);
      q[i] = times(weights.get(WeightRole.WQ)[layer], y);
      k[i] = times(weights.get(WeightRole.WK)[layer], y);
      v[i] = times(weights.get(WeightRole.WV)[layer], y);
    }
    for (int i = 0; i < n; i++) {
      double[] out = new double[spec.nHeads() * dim];
      for (int h = 0; h < spec.nHeads(); h++) {
        int kv = h / (spec.nHeads() / spec.nKvHeads()) * dim;
        double[] p = new double[n];
        double max = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < n; j++) {
          p[j] = distances[i][j] == HIDDEN ? Double.NEGATIVE_INFINITY : score(q[i], h * dim, k[j], kv, distances[i][j]);
          max = Math.max(max, p[j]);
        }
        double sum = 0;
        for (int j = 0; j < n; j++) {
          p[j] = Math.exp(p[j] - max);
          sum += p[j];
        }
        for (int j = 0; j < n; j++) {
          for (int e = 0; e < dim; e++) {
            out[h * dim + e] += p[j] / sum * v[j][kv + e];
          }
        }
      }
      add(x[i], times(weights.get(WeightRole.WO)[layer], out));
    }
  }

  /** Only the distance matters to a rotation: the query is rotated by it, the key not at all. */
  private double score(double[] q, int qAt, double[] k, int kAt, int distance) {
    double sum = 0;
    for (int e = 0; e < spec.headDim(); e += 2) {
      double angle = e < spec.ropeDim() ? distance * Math.pow(spec.ropeFreqBase(), -(double) e / spec.ropeDim()) : 0;
      double cos = Math.cos(angle);
      double sin = Math.sin(angle);
      double a = q[qAt + e];
      double b = q[qAt + e + 1];
      sum += (a * cos - b * sin) * k[kAt + e] + (a * sin + b * cos) * k[kAt + e + 1];
    }
    return sum / Math.sqrt(spec.headDim());
  }

  private void feedForward(double[] x, int layer) {
    double[] y = norm(x, WeightRole.FFN_NORM, layer);
    double[] gate = times(weights.get(WeightRole.W_GATE)[layer], y);
    double[] up = times(weights.get(WeightRole.W_UP)[layer], y);
    for (int i = 0; i < gate.length; i++) {
      gate[i] *= up[i] / (1 + Math.exp(-gate[i]));
    }
    add(x, times(weights.get(WeightRole.W_DOWN)[layer], gate));
  }

  private double[] norm(double[] x, WeightRole role, int layer) {
    double squares = 0;
    for (double e : x) {
      squares += e * e;
    }
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = x[i] / Math.sqrt(squares / x.length + spec.normEps()) * weights.get(role)[layer][i];
    }
    return y;
  }

  private static double[] times(float[] matrix, double[] x) {
    double[] y = new double[matrix.length / x.length];
    for (int i = 0; i < y.length; i++) {
      for (int j = 0; j < x.length; j++) {
        y[i] += matrix[i * x.length + j] * x[j];
      }
    }
    return y;
  }

  private static double[] row(float[] matrix, int i, int n) {
    double[] y = new double[n];
    for (int j = 0; j < n; j++) {
      y[j] = matrix[i * n + j];
    }
    return y;
  }

  private static void add(double[] x, double[] y) {
    for (int i = 0; i < x.length; i++) {
      x[i] += y[i];
    }
  }

  /** Natural log-probability of a token under the softmax of some logits. */
  static double logprob(double[] logits, int token) {
    double max = Double.NEGATIVE_INFINITY;
    for (double l : logits) {
      max = Math.max(max, l);
    }
    double sum = 0;
    for (double l : logits) {
      sum += Math.exp(l - max);
    }
    return logits[token] - max - Math.log(sum);
  }
}
