package dev.tern.jinja;

import dev.tern.jinja.Env.Expression;
import dev.tern.jinja.Env.Statement;
import dev.tern.jinja.Values.Args;
import dev.tern.jinja.Values.Function;
import dev.tern.jinja.Values.Seq;
import dev.tern.jinja.Values.Undefined;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A function that a template defines: its parameters with their defaults, null for those that have none, and what it writes. */
record Macro(Env.Scope scope, Map<String, Expression> parameters, Statement body) implements Function {
  @Override
  public Object call(Env env, Args args) {
    env.budget.bytes(256);
    Map<String, Object> names = new LinkedHashMap<>();
    Map<String, Object> rest = new LinkedHashMap<>(args.named());
    int i = 0;
    for (String parameter : parameters.keySet()) {
      Object given = args.get(i++, parameter, null);
      rest.remove(parameter);
      if (given != null) {
        names.put(parameter, given);
      }
    }
    Object caller = rest.remove("caller");
    if (caller != null) {
      names.put("caller", caller);
    }
    List<Object> more = args.positional();
    names.put("varargs", new Seq(more.subList(Math.min(i, more.size()), more.size()), true));
    names.put("kwargs", Members.dict(env, new Args(List.of(), rest)));
    env.budget.steps(parameters.size());
    return env.capture(scope, e -> {
      parameters.forEach((parameter, fallback) -> { // which may refer to the parameters before it
        if (!names.containsKey(parameter)) {
          e.set(parameter, fallback == null ? new Undefined(parameter) : e.eval(fallback));
        }
      });
      e.run(body);
    }, names);
  }
}
