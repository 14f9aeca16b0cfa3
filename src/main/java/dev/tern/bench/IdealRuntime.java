package dev.tern.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The idealised runtime of a request with a prompt of p tokens and o tokens of output, T(p, o) = alpha(p) + beta (o - 1): alpha(p) is the time to
 * the first token, beta the time of each after it, whatever p. One least-squares regression over all samples, with an intercept for each p and
 * one common slope. After "Cheaply Estimating Inference Efficiency Metrics for Autoregressive Transformer Models" (Narayanan et al., 2023).
 *
 * @param alpha seconds by prompt length, ascending
 * @param beta seconds a token after the first
 * @param betaError standard error of beta; NaN without a degree of freedom
 * @param rSquared share of the variance of all times that the fit explains; NaN if all times are equal
 * @param residual root of the mean square of what is left, in seconds
 * @param samples that were fitted
 */
public record IdealRuntime(Map<Integer, Double> alpha, double beta, double betaError, double rSquared, double residual, List<Sample> samples) {
  /** A request that was timed. */
  public record Sample(int nPrompt, int nGen, double seconds) {
    double x() {
      return nGen - 1.0;
    }
  }

  public IdealRuntime {
    alpha = Collections.unmodifiableMap(new TreeMap<>(alpha));
    samples = List.copyOf(samples);
  }

  /**
   * Fits it.
   *
   * @throws IllegalArgumentException if no prompt length has samples of two output lengths: there is no slope then
   */
  public static IdealRuntime fit(List<Sample> samples) {
    Map<Integer, List<Sample>> groups = new TreeMap<>();
    samples.forEach(s -> groups.computeIfAbsent(s.nPrompt(), p -> new ArrayList<>()).add(s));
    double products = 0;
    double squares = 0;
    for (List<Sample> group : groups.values()) {
      double x = meanX(group);
      double t = meanSeconds(group);
      for (Sample s : group) {
        products += (s.x() - x) * (s.seconds() - t);
        squares += (s.x() - x) * (s.x() - x);
      }
    }
    if (!(squares > 0)) {
      throw new IllegalArgumentException("a common slope needs two output lengths of a prompt length at least");
    }
    double beta = products / squares;
    Map<Integer, Double> alpha = new TreeMap<>();
    groups.forEach((p, group) -> alpha.put(p, meanSeconds(group) - beta * meanX(group)));
    double mean = meanSeconds(samples);
    double left = 0;
    double all = 0;
    for (Sample s : samples) {
      double error = s.seconds() - alpha.get(s.nPrompt()) - beta * s.x();
      left += error * error;
      all += (s.seconds() - mean) * (s.seconds() - mean);
    }
    int free = samples.size() - groups.size() - 1;
    return new IdealRuntime(alpha, beta, free > 0 ? Math.sqrt(left / free / squares) : Double.NaN, all > 0 ? 1 - left / all : Double.NaN,
        Math.sqrt(left / samples.size()), samples);
  }

  private static double meanX(List<Sample> group) {
    return group.stream().mapToDouble(Sample::x).sum() / group.size();
  }

  private static double meanSeconds(List<Sample> group) {
    return group.stream().mapToDouble(Sample::seconds).sum() / group.size();
  }

  /**
   * What the fit says of a request.
   *
   * @throws IllegalArgumentException if no prompt of that length was measured
   */
  public double seconds(int nPrompt, int nGen) {
    Double a = alpha.get(nPrompt);
    if (a == null) {
      throw new IllegalArgumentException("no prompt of " + nPrompt + " tokens was measured");
    }
    return a + beta * (nGen - 1);
  }
}
