package dev.tern.validate;

import dev.tern.CapacityException;
import dev.tern.DeviceLostException;
import dev.tern.NativeFaultException;
import dev.tern.TernException;
import dev.tern.validate.Report.Result;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes checks in their order, and those of a soak again until its time is up. It stops early at what makes the rest meaningless: the
 * device is lost. For one thread.
 */
public final class Validation {
  /** Told as checks begin and end; the same thread's. */
  public interface Listener {
    /** @param i of n checks, from 0; n is 0 in the rounds of a soak */
    void began(Check check, int i, int n);

    void ended(Result result);
  }

  private static final class State {
    final Check check;
    Outcome outcome;
    int rounds;
    double seconds;

    State(Check check) {
      this.check = check;
    }

    Result result() {
      return new Result(check, outcome, rounds, seconds);
    }
  }

  private final List<Check> checks;
  private final double minutes;
  private final Listener listener;
  private String stopped;

  /** @param minutes of a soak; 0 for none */
  public Validation(List<Check> checks, double minutes, Listener listener) {
    this.checks = List.copyOf(checks);
    this.minutes = minutes;
    this.listener = listener;
  }

  /** Makes them all. Those that mean nothing on the device are left out of the results. */
  public List<Result> run() {
    long begin = System.nanoTime();
    List<State> done = new ArrayList<>();
    for (int i = 0; i < checks.size(); i++) {
      State state = new State(checks.get(i));
      listener.began(state.check, i, checks.size());
      if (interrupted()) {
        stopped = "interrupted";
      }
      if (stopped == null) {
        round(state, 0);
      } else {
        state.outcome = Outcome.unknown("not made: " + stopped);
      }
      if (state.outcome != Outcome.ABSENT) {
        done.add(state);
        listener.ended(state.result());
      }
    }
    soak(done, begin);
    return done.stream().map(State::result).toList();
  }

  /** Why not all was done, or null. */
  public String stopped() {
    return stopped;
  }

  private void soak(List<State> done, long begin) {
    List<State> again = done.stream().filter(s -> s.check.soak()).toList();
    for (int round = 1; stopped == null && !again.isEmpty() && left(begin) > 0; round++) {
      for (State state : again) {
        if (stopped != null || left(begin) <= 0) {
          return;
        }
        if (interrupted()) {
          stopped = "interrupted";
          return;
        }
        listener.began(state.check, 0, 0);
        Verdict before = state.outcome.verdict();
        round(state, round);
        if (state.outcome.verdict() != before) {
          listener.ended(state.result());
        }
      }
    }
  }

  private double left(long begin) {
    return minutes * 60 - (System.nanoTime() - begin) * 1e-9;
  }

  private static boolean interrupted() {
    return Thread.currentThread().isInterrupted();
  }

  /** One round of a check; of all its rounds the worst counts. */
  private void round(State state, int round) {
    long begin = System.nanoTime();
    Outcome outcome;
    try {
      outcome = state.check.body().run(round);
    } catch (DeviceLostException e) {
      stopped = "the device was lost in " + state.check.id();
      outcome = Outcome.fail("the device was lost: " + e.getMessage());
    } catch (NativeFaultException e) {
      outcome = Outcome.fail(e.getMessage());
    } catch (CapacityException e) {
      outcome = Outcome.unknown("too little memory for the check: " + e.getMessage());
    } catch (TernException e) {
      outcome = Outcome.unknown("the check could not be made: " + e.getMessage());
    } catch (RuntimeException e) { // one check's mistake must not cost the report of the others
      outcome = Outcome.unknown("a bug in the check: " + e);
    }
    state.seconds += (System.nanoTime() - begin) * 1e-9;
    state.rounds++;
    if (state.outcome == null || outcome.verdict().compareTo(state.outcome.verdict()) > 0) {
      state.outcome = outcome;
    }
  }
}
