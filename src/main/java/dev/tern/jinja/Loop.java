package dev.tern.jinja;

import dev.tern.jinja.Values.Function;
import dev.tern.jinja.Values.Undefined;
import java.util.List;

/** What a for loop tells of itself, under the name "loop". */
final class Loop {
  private final List<Object> items;
  private int index;
  private Object lastSeen;

  Loop(List<Object> items) {
    this.items = items;
  }

  void at(int i) {
    index = i;
  }

  Object attribute(Env env, String name) {
    int n = items.size();
    return switch (name) {
      case "index" -> index + 1L;
      case "index0" -> (long) index;
      case "revindex" -> (long) n - index;
      case "revindex0" -> n - index - 1L;
      case "first" -> index == 0;
      case "last" -> index == n - 1;
      case "length" -> (long) n;
      case "depth" -> 1L; // only a recursive loop goes deeper
      case "depth0" -> 0L;
      case "previtem" -> index > 0 ? items.get(index - 1) : new Undefined("loop.previtem");
      case "nextitem" -> index + 1 < n ? items.get(index + 1) : new Undefined("loop.nextitem");
      case "cycle" -> (Function) (e, args) -> {
        if (args.positional().isEmpty()) {
          throw Values.error("loop.cycle() needs values");
        }
        return args.positional().get(index % args.positional().size());
      };
      case "changed" -> (Function) (e, args) -> {
        Values.Seq now = Values.Seq.list(args.positional());
        boolean changed = lastSeen == null || !Operators.equal(e, lastSeen, now);
        lastSeen = now;
        return changed;
      };
      default -> new Undefined("loop." + name);
    };
  }
}
