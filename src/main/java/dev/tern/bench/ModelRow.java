package dev.tern.bench;

import dev.tern.Timings;
import dev.tern.validate.Reading;
import java.util.Arrays;
import java.util.List;

/**
 * One test of a model's speed.
 *
 * @param nThreads that computed
 * @param nanos wall time of each repetition
 * @param timings of each request, if it is of requests; of all repetitions
 * @param time when the first repetition began (ISO 8601, UTC)
 * @param bandwidth bytes that these threads read in a second: as allCores if they are one per core as a default, else measured once
 * @param allCores bytes that all cores read in a second: of a decode test the median of before the first repetition and after each, else measured once
 * @param foreign share of the processors that others took meanwhile; NaN if it is not known, or does not matter
 * @param joules of all repetitions; or why they are not told
 */
public record ModelRow(int nThreads, SpeedTest test, long[] nanos, List<Timings> timings, String time, double bandwidth, double allCores, double foreign,
    Reading<Double> joules) {
  public ModelRow {
    nanos = nanos.clone();
    timings = List.copyOf(timings);
  }

  @Override
  public long[] nanos() {
    return nanos.clone();
  }

  /** Tokens a second. */
  public Samples rates() {
    return new Samples(Arrays.stream(nanos).mapToDouble(test::rate).toArray());
  }

  /** Nanoseconds. */
  public Samples times() {
    return new Samples(Arrays.stream(nanos).asDoubleStream().toArray());
  }

  /** Bytes that decoding reads a second, over those that the memory could deliver; NaN of other tests. */
  public double shareOfFloor(long decodeBytes) {
    return test.decode() ? decodeBytes * rates().median() / test.batch() / allCores : Double.NaN;
  }

  /** Of each token that the rate counts. */
  public Reading<Double> joulesPerToken() {
    return joules.map(j -> j / ((double) test.nTokens() * test.batch() * nanos.length));
  }
}
