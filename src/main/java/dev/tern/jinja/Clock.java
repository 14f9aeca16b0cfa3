package dev.tern.jinja;

import dev.tern.jinja.Values.Args;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** strftime_now: the date and time of here and now, as C's strftime writes them, in English. */
final class Clock {
  private static final Map<String, DateTimeFormatter> FORMATTERS = new ConcurrentHashMap<>(); // of the patterns below

  private Clock() {}

  static Object format(Env env, Args args) {
    Object format = args.need(0, "format");
    if (!(format instanceof Text text)) {
      throw Values.error("strftime_now() needs a str");
    }
    return format(env, text, LocalDateTime.now());
  }

  static Text format(Env env, Text format, LocalDateTime time) {
    Text.Builder out = new Text.Builder(env.budget);
    String f = format.toString();
    env.budget.chars(f.length());
    for (int i = 0; i < f.length(); ) {
      int percent = f.indexOf('%', i);
      int end = percent < 0 ? f.length() : percent;
      out.append(format.substring(i, end));
      if (percent < 0) {
        break;
      }
      env.budget.steps(8); // so much do dates cost
      boolean bare = f.startsWith("%-", percent); // without zeros in front
      int at = percent + (bare ? 2 : 1);
      String written = at < f.length() ? conversion(f.charAt(at), time) : null;
      if (written == null) {
        throw Values.error("strftime_now() with the format '" + f + "'");
      }
      out.append(bare ? bare(written) : written);
      i = at + 1;
    }
    return out.build();
  }

  private static String bare(String digits) {
    int zeros = 0;
    while (zeros < digits.length() - 1 && digits.charAt(zeros) == '0') {
      zeros++;
    }
    return digits.substring(zeros);
  }

  private static String conversion(char c, LocalDateTime time) {
    String pattern = switch (c) {
      case 'Y' -> "uuuu";
      case 'y' -> "uu";
      case 'm' -> "MM";
      case 'd' -> "dd";
      case 'H' -> "HH";
      case 'I' -> "hh";
      case 'M' -> "mm";
      case 'S' -> "ss";
      case 'p' -> "a";
      case 'j' -> "DDD";
      case 'B' -> "MMMM";
      case 'b', 'h' -> "MMM";
      case 'A' -> "EEEE";
      case 'a' -> "EEE";
      case 'F' -> "uuuu-MM-dd";
      case 'T' -> "HH:mm:ss";
      default -> null;
    };
    if (c == '%') {
      return "%";
    }
    return pattern == null ? null : FORMATTERS.computeIfAbsent(pattern, p -> DateTimeFormatter.ofPattern(p, Locale.ENGLISH)).format(time);
  }
}
