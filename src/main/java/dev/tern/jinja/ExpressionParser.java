package dev.tern.jinja;

import dev.tern.jinja.Call.Arguments;
import dev.tern.jinja.Env.Expression;
import dev.tern.jinja.Token.Kind;
import dev.tern.jinja.Values.Dict;
import dev.tern.jinja.Values.Seq;
import dev.tern.jinja.Values.Undefined;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads expressions by recursive descent and makes closures of them. From weak to strong: if, or, and, not, comparisons, + -, ~, * / // %, **, sign. */
class ExpressionParser extends Words {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

  ExpressionParser(List<Token> tokens) {
    super(tokens);
  }

  // ---- expressions ----------------------------------------------------------------------------------------------------

  /** One expression, or several that a comma makes a tuple. */
  Expression tuple() {
    return tuple(true);
  }

  Expression tuple(boolean withCondition) {
    Expression first = withCondition ? expression() : or();
    if (!isOperator(",")) {
      return first;
    }
    List<Expression> items = new ArrayList<>(List.of(first));
    while (skipOperator(",")) {
      if (peek().kind() == Kind.CLOSE || isOperator(")")) {
        break;
      }
      items.add(withCondition ? expression() : or());
    }
    return sequence(items, true);
  }

  private static Expression sequence(List<Expression> items, boolean tuple) {
    return env -> {
      env.budget.elements(items.size());
      List<Object> values = new ArrayList<>(items.size());
      items.forEach(item -> values.add(env.eval(item)));
      return new Seq(values, tuple);
    };
  }

  Expression expression() {
    enter();
    Expression value = or();
    if (skipName("if")) {
      Expression then = value;
      Expression condition = or();
      Expression otherwise = skipName("else") ? expression() : env -> new Undefined("the value of an if without else");
      value = env -> env.test(condition) ? env.eval(then) : env.eval(otherwise);
    }
    leave();
    return value;
  }

  Expression or() {
    Expression left = and();
    while (skipName("or")) {
      Expression a = left;
      Expression b = and();
      left = env -> {
        Object value = env.eval(a);
        return Values.truth(value) ? value : env.eval(b);
      };
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (skipName("and")) {
      Expression a = left;
      Expression b = not();
      left = env -> {
        Object value = env.eval(a);
        return Values.truth(value) ? env.eval(b) : value;
      };
    }
    return left;
  }

  private Expression not() {
    if (skipName("not")) {
      enter();
      Expression value = not();
      leave();
      return env -> !env.test(value);
    }
    return comparison();
  }

  private record Comparison(String operator, Expression right) {}

  private Expression comparison() {
    Expression left = sum();
    List<Comparison> chain = new ArrayList<>();
    while (true) {
      if (peek().kind() == Kind.OPERATOR && COMPARISONS.contains(peek().text())) {
        chain.add(new Comparison(take().text(), sum()));
      } else if (skipName("in")) {
        chain.add(new Comparison("in", sum()));
      } else if (isName("not") && peekSecond().is(Kind.NAME, "in")) {
        take();
        take();
        chain.add(new Comparison("not in", sum()));
      } else {
        break;
      }
    }
    return chain.isEmpty() ? left : env -> {
      Object a = env.eval(left);
      for (Comparison c : chain) {
        Object b = env.eval(c.right);
        if (!Operators.holds(env, c.operator, a, b)) {
          return false;
        }
        a = b;
      }
      return true;
    };
  }

  private Expression sum() {
    Expression left = concatenation();
    while (isOperator("+") || isOperator("-")) {
      boolean plus = take().text().equals("+");
      Expression a = left;
      Expression b = concatenation();
      left = plus ? env -> Operators.add(env, env.eval(a), env.eval(b)) : env -> Operators.subtract(env.eval(a), env.eval(b));
    }
    return left;
  }

  private Expression concatenation() {
    Expression first = product();
    if (!isOperator("~")) {
      return first;
    }
    List<Expression> parts = new ArrayList<>(List.of(first));
    while (skipOperator("~")) {
      parts.add(product());
    }
    return env -> {
      Text.Builder out = new Text.Builder(env.budget);
      parts.forEach(part -> out.append(Printer.text(env, env.eval(part))));
      return out.build();
    };
  }

  private Expression product() {
    Expression left = power();
    while (isOperator("*") || isOperator("/") || isOperator("//") || isOperator("%")) {
      String operator = take().text();
      Expression a = left;
      Expression b = power();
      left = switch (operator) {
        case "*" -> env -> Operators.multiply(env, env.eval(a), env.eval(b));
        case "/" -> env -> Operators.divide(env.eval(a), env.eval(b));
        case "//" -> env -> Operators.floorDivide(env.eval(a), env.eval(b));
        default -> env -> Operators.modulo(env, env.eval(a), env.eval(b));
      };
    }
    return left;
  }

  private Expression power() {
    Expression left = sign(true);
    while (skipOperator("**")) {
      Expression a = left;
      Expression b = sign(true);
      left = env -> Operators.power(env.eval(a), env.eval(b));
    }
    return left;
  }

  private Expression sign(boolean withFilters) {
    Expression value;
    if (isOperator("-") || isOperator("+")) {
      boolean minus = take().text().equals("-");
      enter();
      Expression signed = sign(false);
      leave();
      value = minus ? env -> Operators.negate(env.eval(signed)) : env -> Operators.negate(Operators.negate(env.eval(signed)));
    } else {
      value = postfix(primary());
    }
    return withFilters ? filtersAndTests(value) : value;
  }

  // ---- what follows a value -------------------------------------------------------------------------------------------

  private Expression postfix(Expression value) {
    Expression result = value;
    while (true) {
      Expression of = result;
      if (skipOperator(".")) {
        if (peek().kind() == Kind.INTEGER) {
          long index = integer(take());
          result = env -> Members.item(env, env.eval(of), index);
        } else {
          String name = name();
          result = env -> Members.attribute(env, env.eval(of), name);
        }
      } else if (skipOperator("[")) {
        result = subscript(of);
        expectOperator("]");
      } else if (isOperator("(")) {
        result = new Call(of, arguments());
      } else {
        return result;
      }
    }
  }

  private Expression subscript(Expression of) {
    Expression none = env -> Values.NONE;
    Expression from = isOperator(":") ? none : tuple();
    if (!isOperator(":")) {
      return env -> Members.item(env, env.eval(of), env.eval(from));
    }
    take();
    Expression to = isOperator(":") || isOperator("]") ? none : expression();
    Expression step = skipOperator(":") && !isOperator("]") ? expression() : none;
    return env -> Members.slice(env, env.eval(of), env.eval(from), env.eval(to), env.eval(step));
  }

  Arguments arguments() {
    expectOperator("(");
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    while (another(")", positional.isEmpty() && named.isEmpty())) {
      String name = isOperator("*") || isOperator("**") ? take().text() : null;
      if (name == null && peek().kind() == Kind.NAME && peekSecond().is(Kind.OPERATOR, "=")) {
        name = take().text();
        take();
      }
      Expression value = expression();
      if (name == null) {
        positional.add(value);
      } else if (named.put(name, value) != null) {
        throw error("gives the argument '" + name + "' twice");
      }
    }
    return new Arguments(positional, named);
  }

  private Expression filtersAndTests(Expression value) {
    Expression result = value;
    while (true) {
      if (isOperator("|")) {
        take();
        result = filter(result);
      } else if (skipName("is")) {
        result = test(result);
      } else if (isOperator("(")) {
        result = new Call(result, arguments());
      } else {
        return result;
      }
    }
  }

  /** A filter, whose name comes next, of a value. */
  Expression filter(Expression value) {
    String name = name();
    Arguments arguments = isOperator("(") ? arguments() : Arguments.NONE;
    return env -> Filters.apply(env, name, env.eval(value), arguments.eval(env));
  }

  private Expression test(Expression value) {
    boolean negated = skipName("not");
    String name = peek().kind() == Kind.OPERATOR && COMPARISONS.contains(peek().text()) ? take().text() : name();
    Arguments arguments = Arguments.NONE;
    Kind kind = peek().kind();
    if (isOperator("(")) {
      arguments = arguments();
    } else if (isName("is")) {
      throw error("chains tests");
    } else if (kind == Kind.STRING || kind == Kind.INTEGER || kind == Kind.FLOAT || isOperator("[") || isOperator("{")
        || kind == Kind.NAME && !Set.of("else", "or", "and", "if", "in", "not", "recursive").contains(peek().text())) {
      arguments = new Arguments(List.of(postfix(primary())), Map.of());
    }
    Arguments given = arguments;
    return env -> Tests.holds(env, name, env.eval(value), given.eval(env)) != negated;
  }

  // ---- values ---------------------------------------------------------------------------------------------------------

  private Expression primary() {
    Token token = peek();
    switch (token.kind()) {
      case NAME:
        take();
        return constantOrName(token.text());
      case STRING:
        StringBuilder chars = new StringBuilder();
        while (peek().kind() == Kind.STRING) {
          chars.append(take().text());
        }
        return constant(Text.template(chars.toString()));
      case INTEGER:
        return constant(integer(take()));
      case FLOAT:
        return constant(Double.parseDouble(take().text()));
      case OPERATOR:
        enter();
        Expression value = bracketed();
        leave();
        return value;
      default:
        throw unexpected("a value");
    }
  }

  private static Expression constant(Object value) {
    return env -> value;
  }

  private static Expression constantOrName(String name) {
    return switch (name) {
      case "true", "True" -> constant(true);
      case "false", "False" -> constant(false);
      case "none", "None" -> constant(Values.NONE);
      default -> env -> env.lookup(name);
    };
  }

  private long integer(Token token) {
    try {
      return Long.parseLong(token.text());
    } catch (NumberFormatException e) {
      throw error("has the number " + token.text() + ", of more than 64 bits");
    }
  }

  private Expression bracketed() {
    if (skipOperator("(")) {
      if (skipOperator(")")) {
        return sequence(List.of(), true);
      }
      Expression value = tuple();
      expectOperator(")");
      return value;
    } else if (skipOperator("[")) {
      List<Expression> items = new ArrayList<>();
      while (another("]", items.isEmpty())) {
        items.add(expression());
      }
      return sequence(items, false);
    } else if (skipOperator("{")) {
      return dict();
    }
    throw unexpected("a value");
  }

  private Expression dict() {
    List<Expression> keys = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (another("}", keys.isEmpty())) {
      keys.add(expression());
      expectOperator(":");
      values.add(expression());
    }
    return env -> {
      env.budget.bytes(64 + (long) Key.ENTRY_BYTES * keys.size());
      Map<Key, Object> map = new LinkedHashMap<>();
      for (int i = 0; i < keys.size(); i++) {
        map.put(Values.key(env, env.eval(keys.get(i))), env.eval(values.get(i)));
      }
      return new Dict(map);
    };
  }
}
