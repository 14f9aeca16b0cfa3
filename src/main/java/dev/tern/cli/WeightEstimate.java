package dev.tern.cli;

import dev.tern.format.ModelSpec;
import dev.tern.format.TensorType;
import dev.tern.format.WeightRef;
import java.util.Set;
import java.util.TreeSet;

/**
 * The memory of a model's weights on the cpu as far as its header tells. Whether a weight is kept ternary, only its values tell: of some
 * types either may come out. {@code tern inspect --check} loads the model and knows.
 *
 * @param most bytes at most, if every weight is ternary that may be
 * @param ifDense bytes if only those are whose type holds nothing else
 * @param nTernary matrices that are ternary, or refused
 * @param nEither matrices of which the header does not tell
 * @param nDense matrices that are dense
 * @param either types of those of which it does not tell
 * @param allF32 whether every matrix of the layers is of F32: if none is ternary, keys and values are too
 */
record WeightEstimate(long most, long ifDense, int nTernary, int nEither, int nDense, Set<TensorType> either, boolean allF32) {
  // Kernels have 1.6 to 2 bits a weight, in tiles of 32 or 64 rows and steps of up to 32 columns.
  private static final int TILE_ROWS = 64;
  private static final int BLOCK_TILE_ROWS = 32;
  private static final int STEP_COLUMNS = 32;

  static WeightEstimate of(ModelSpec spec) {
    long most = 0;
    long ifDense = 0;
    int nTernary = 0;
    int nEither = 0;
    int nDense = 0;
    boolean allF32 = true;
    Set<TensorType> either = new TreeSet<>();
    for (WeightRef w : spec.weights()) {
      allF32 &= !w.role().layerMatrix() || w.type() == TensorType.F32;
      boolean certain = w.mayBeTernary() && alwaysTernary(w.type());
      most += w.mayBeTernary() ? ternaryBytes(w) : denseBytes(w);
      ifDense += certain ? ternaryBytes(w) : denseBytes(w);
      if (certain) {
        nTernary++;
      } else if (w.mayBeTernary()) {
        nEither++;
        either.add(w.type());
      } else if (w.nRows() > 1) {
        nDense++;
      }
    }
    return new WeightEstimate(most, ifDense, nTernary, nEither, nDense, either, allF32);
  }

  /** Types with one scale a row, or for all rows, and no code but those of -1, 0 and +1 that is not refused. */
  private static boolean alwaysTernary(TensorType type) {
    return switch (type) {
      case I2_S, IQ1_BN, IQ2_BN -> true;
      default -> false;
    };
  }

  /** Two bits a weight, and a scale a row. */
  private static long ternaryBytes(WeightRef w) {
    return roundUp(w.nRows(), TILE_ROWS) * (roundUp(w.nCols(), STEP_COLUMNS) / 4) + 4L * w.nRows();
  }

  /** As the file has them, or in the next type that the dense kernels read and that holds the values exactly. Block types may be in whole tiles. */
  private static long denseBytes(WeightRef w) {
    boolean f32 = w.nRows() == 1 || w.scale() != 1 || alwaysTernary(w.type());
    TensorType kept = f32 ? TensorType.F32 : w.type() == TensorType.TQ1_0 || w.type() == TensorType.TQ2_0 ? TensorType.F16 : w.type();
    boolean tiled = kept == TensorType.Q8_0 || kept == TensorType.Q6_K || kept == TensorType.Q4_0;
    return kept.rowBytes(w.nCols()) * (tiled ? roundUp(w.nRows(), BLOCK_TILE_ROWS) : w.nRows());
  }

  private static long roundUp(long n, int to) {
    return (n + to - 1) / to * to;
  }
}
