package dev.tern.schedule;

import dev.tern.CapacityException;
import dev.tern.ContextFullException;
import dev.tern.DeviceLostException;
import dev.tern.NativeFaultException;
import dev.tern.NumericalException;
import dev.tern.TernException;
import dev.tern.cache.PageAllocator;
import dev.tern.cache.SequenceCache;
import dev.tern.cache.SequenceCache.Evictions;
import dev.tern.kernel.StepBatch;
import dev.tern.schedule.Task.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Decides which tokens of which streams are in the next step, and hands out what comes of it. {@link #doWork} is one turn, for one
 * thread, that of a {@link Runner} or a test; {@link #submit} and {@link #release} are for any thread.
 *
 * <p>Every stream that generates has one row in each step, unless its reader is behind; what is left of the row budget goes to prompts, in
 * chunks, in turn. A stream for whose tokens there are no free KV pages waits. If all wait, the newest fails.
 */
public final class Scheduler {
  /** A forward pass over the batch that the scheduler was made with. */
  public interface Step {
    void run();

    /** Copies the logits of an output of the last run. */
    void logits(int output, float[] logits);
  }

  /** Something that another thread asked for: a task to begin, or a stream to empty. */
  private record Command(Task task, Sequence release) {}

  private final Batch batch;
  private final Step step;
  private final PageAllocator pages;
  private final int prefillRows;
  private final int scoreRows;
  private final SchedulerStats stats = new SchedulerStats();
  private final ConcurrentLinkedQueue<Command> commands = new ConcurrentLinkedQueue<>();
  private final List<Task> tasks = new ArrayList<>(); // oldest first
  private volatile Evictions evictions = Evictions.NONE;
  private volatile TernException terminated;
  private int turn; // of tasks, who is first to get prompt rows

  /**
   * @param prefillRows prompt rows of one step at most, all streams together
   * @param scoreRows scored rows among them
   */
  public Scheduler(StepBatch batch, Step step, PageAllocator pages, int prefillRows, int scoreRows) {
    this.batch = new Batch(batch);
    this.step = step;
    this.pages = pages;
    this.prefillRows = prefillRows;
    this.scoreRows = scoreRows;
  }

  /** One turn: takes orders, builds a batch, runs it, hands out its tokens. Returns 0 if there was nothing to do. */
  public int doWork() {
    if (terminated != null) {
      return 0;
    }
    int work = takeCommands() + endCancelled() + endFull();
    int waiting = schedule(false);
    if (batch.size() == 0 && waiting > 0) {
      waiting = schedule(true);
    }
    if (batch.size() > 0) {
      runStep();
      return work + batch.nRows();
    }
    return work + (waiting > 0 && waiting == tasks.size() ? preempt() : 0);
  }

  /** Fills the batch; returns how many tasks wait for pages. */
  private int schedule(boolean singleRows) {
    batch.clear();
    int waiting = 0;
    for (int i = 0; i < tasks.size(); i++) {
      Task task = tasks.get(i);
      if (task.decoding() && !task.isPaused()) {
        waiting += add(task, 1);
      }
    }
    int rowsLeft = prefillRows;
    int scoresLeft = scoreRows;
    int first = turn;
    for (int i = 0; i < tasks.size() && rowsLeft > 0; i++) {
      int index = (first + i) % tasks.size();
      Task task = tasks.get(index);
      if (task.decoding()) {
        continue;
      }
      boolean scores = task.kind == Kind.SCORE;
      boolean cutAnywhere = singleRows || (scores ? Math.min(prefillRows, scoreRows) : prefillRows) < 3;
      int wanted = chunk(task.wanted(), scores ? Math.min(rowsLeft, scoresLeft) : rowsLeft, cutAnywhere);
      int rows = wanted == 0 ? 0 : chunk(task.wanted(), task.sequence.cache.fitting(wanted), cutAnywhere);
      if (rows > 0) {
        turn = index + 1;
        rowsLeft -= rows;
        scoresLeft -= scores ? rows : 0;
      }
      waiting += wanted == 0 ? 0 : add(task, rows);
    }
    return waiting;
  }

  /**
   * How many of a prompt's rows are taken where there is room for some: not one of several, and not so many that one is left. Kernels of
   * a GPU treat single rows otherwise than several, and a prompt must have the same bits whatever its chunks are. That cannot be had with
   * one or two rows a step, or if all streams wait for pages.
   */
  private static int chunk(int wanted, int room, boolean cutAnywhere) {
    int rows = Math.min(wanted, room);
    if (cutAnywhere || rows == wanted) {
      return rows;
    }
    rows = wanted - rows == 1 ? rows - 1 : rows;
    return rows < 2 ? 0 : rows;
  }

  /** Puts rows of a task into the batch; 1 if it must wait for pages. */
  private int add(Task task, int rows) {
    if (rows == 0 || task.sequence.cache.fitting(rows) < rows || batch.isFull()) {
      return 1;
    }
    if (!task.started) {
      task.started = true;
      task.listener.started(task.nPrompt());
    }
    batch.add(task, rows);
    return 0;
  }

  private void runStep() {
    long begin = System.nanoTime();
    try {
      step.run();
    } catch (DeviceLostException e) {
      terminate(e);
      return;
    } catch (RuntimeException | Error e) {
      TernException failure = asTern(e);
      for (int i = 0; i < batch.size(); i++) {
        batch.task(i).sequence.release(failure);
        end(batch.task(i), failure);
      }
      removeEnded();
      return;
    }
    stats.step(System.nanoTime() - begin, batch.nPromptRows());
    for (int i = 0; i < batch.size(); i++) {
      try {
        handOut(i);
      } catch (RuntimeException | Error e) { // of this stream alone
        batch.task(i).sequence.release(asTern(e));
        end(batch.task(i), asTern(e));
      }
    }
    removeEnded();
  }

  private void handOut(int i) {
    Task task = batch.task(i);
    Sequence sequence = task.sequence;
    int from = batch.firstOutput(i);
    int to = batch.firstOutput(i + 1);
    task.fed(batch.nRows(i));
    for (int output = from; output < to; output++) {
      if (batch.outToken(output) < 0 || Float.isNaN(batch.outLogprob(output))) {
        long last = sequence.cache.length() + batch.nRows(i) - 1;
        throw new NumericalException("no finite logit up to position " + last + ": the model's numbers overflow on this text; reset the session");
      }
    }
    sequence.advance(Sequence.NONE, evictions);
    switch (task.kind) {
      case GENERATE -> {
        if (from < to) {
          sequence.setPending(batch.outToken(from));
          stats.decoded();
          if (!task.listener.token(batch.outToken(from), batch.outLogprob(from))) {
            end(task, null);
          }
        }
      }
      case SCORE -> {
        for (int output = from; output < to; output++) {
          task.listener.token(batch.outToken(output), batch.outLogprob(output));
        }
        if (task.decoding()) {
          sequence.setPending(batch.outToken(to - 1));
          end(task, null);
        }
      }
      case LOGITS -> {
        if (from < to) {
          step.logits(from, task.logits);
          end(task, null);
        }
      }
    }
  }

  /** All wait for pages: the newest loses its own, so that the others can go on. */
  private int preempt() {
    Task task = tasks.get(tasks.size() - 1);
    CapacityException failure = new CapacityException(
        "no free KV page: " + pages.nUsed() + " of " + pages.nPages() + " are in use and every stream waits; close or reset sessions, "
            + "or give the engine more pages");
    task.sequence.release(failure);
    end(task, failure);
    removeEnded();
    return 1;
  }

  // ---- orders of other threads ----

  /**
   * Begins a task in the next turn. The scheduler must be woken.
   *
   * @throws TernException if it is terminated
   */
  public void submit(Task task) {
    if (!order(new Command(task, null))) {
      throw terminated;
    }
  }

  /** Empties a stream in the next turn; its task, if any, was cancelled before. The scheduler must be woken. */
  public void release(Sequence sequence) {
    order(new Command(null, sequence));
  }

  /** False if no turn will take it. */
  private boolean order(Command command) {
    if (terminated != null) {
      return false;
    }
    commands.add(command);
    return terminated == null || !commands.remove(command); // not there: a turn has it, or terminate ended it
  }

  private int takeCommands() {
    int n = 0;
    for (Command command = commands.poll(); command != null; command = commands.poll(), n++) {
      if (command.release != null) {
        endCancelled();
        command.release.release(null);
      } else {
        begin(command.task);
      }
    }
    return n;
  }

  private void begin(Task task) {
    task.begin();
    stats.began();
    if (task.sequence.failure() != null) {
      end(task, task.sequence.failure());
    } else if (task.nPrompt() <= 0 && task.kind == Kind.SCORE) {
      task.sequence.setPending(task.targetAt(-1));
      end(task, null);
    } else {
      tasks.add(task);
    }
  }

  /** Ends the tasks that a dense cache has no room for: prompts before anything of them is fed, and streams that reached its end. */
  private int endFull() {
    int n = 0;
    for (int i = 0; i < tasks.size(); i++) {
      Task task = tasks.get(i);
      SequenceCache cache = task.sequence.cache;
      if (cache.room() < task.wanted()) {
        end(task, new ContextFullException(
            task.wanted() + " more tokens do not fit: the cache holds " + cache.length() + " and has room for " + cache.room()
                + "; use a larger one, or a rolling cache"));
        n++;
      }
    }
    removeEnded();
    return n;
  }

  private int endCancelled() {
    int n = 0;
    for (int i = 0; i < tasks.size(); i++) {
      Task task = tasks.get(i);
      if (task.cancelled() != null) {
        end(task, task.cancelled());
        n++;
      }
    }
    removeEnded();
    return n;
  }

  /** Ends all tasks, now and later, with this exception. For the thread that runs the turns, or when none does. */
  public void terminate(TernException why) {
    terminated = why;
    for (Command command = commands.poll(); command != null; command = commands.poll()) {
      if (command.task != null) {
        tasks.add(command.task);
      }
    }
    for (Task task : tasks) {
      end(task, why);
    }
    tasks.clear();
    stats.terminated();
    batch.clear();
  }

  private void end(Task task, TernException failure) {
    if (!task.ended) {
      task.ended = true;
      stats.ended(failure);
      stats.usedPages(pages.nUsed()); // before anyone learns of the end and looks
      task.listener.ended(failure);
    }
  }

  private void removeEnded() {
    tasks.removeIf(task -> task.ended);
    stats.usedPages(pages.nUsed());
  }

  private static TernException asTern(Throwable e) {
    return e instanceof TernException t ? t : new NativeFaultException("the step failed: " + e, e);
  }

  /** Counters, readable from any thread. */
  public SchedulerStats stats() {
    return stats;
  }

  /** Why no more work is taken, or null; a ClosedException after a close. */
  public TernException terminated() {
    return terminated;
  }

  /** Is told of slots that no later row can see, before they are used again. */
  public void onEviction(Evictions listener) {
    evictions = listener;
  }
}
