package dev.tern.schedule;

import dev.tern.TernException;
import java.util.ArrayList;
import java.util.List;

/** Keeps what a task gives, up to a limit, with room for some at a time. */
class Collector implements TaskListener {
  final List<Integer> tokens = new ArrayList<>();
  final List<Float> logprobs = new ArrayList<>();
  final int limit;
  volatile int room = Integer.MAX_VALUE;
  int nPrompt = -1;
  int nEnded;
  volatile boolean ended;
  TernException failure;

  Collector(int limit) {
    this.limit = limit;
  }

  @Override
  public boolean hasRoom() {
    return tokens.size() < room;
  }

  @Override
  public void started(int nPrompt) {
    this.nPrompt = nPrompt;
  }

  @Override
  public boolean token(int id, float logprob) {
    tokens.add(id);
    logprobs.add(logprob);
    return tokens.size() < limit;
  }

  @Override
  public void ended(TernException failure) {
    nEnded++;
    this.failure = failure;
    ended = true;
  }
}
