package dev.tern.report;

import dev.tern.report.HtmlTable.Align;
import dev.tern.report.HtmlTable.Cell;
import dev.tern.validate.Figure;
import dev.tern.validate.Group;
import dev.tern.validate.Inventory;
import dev.tern.validate.Report;
import dev.tern.validate.Verdict;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import java.util.stream.Collectors;

/** A report of {@code tern validate} as one HTML page. A verdict is always a word, whatever its colour. */
public final class ValidationHtml {
  private static final int MINUTE = 60;

  private final Report report;
  private final HtmlPage page;

  private ValidationHtml(Report report) {
    this.report = report;
    page = new HtmlPage("Validation of " + (report.deviceName() == null ? report.device() : report.deviceName()));
  }

  /** The page. */
  public static String of(Report report) {
    return new ValidationHtml(report).html();
  }

  private String html() {
    Verdict verdict = report.verdict();
    page.small("tern validate, Tern " + report.version() + ", " + report.device() + ", level " + report.level() + (report.minutes() > 0 ? ", a soak of "
        + Amount.number(report.minutes()) + " minutes" : "") + ", began " + report.began() + ", took " + took(report.seconds()));
    page.verdict(verdict.name(), kind(verdict), report.results().size() + " checks: " + report.count(Verdict.PASS) + " passed, "
        + report.count(Verdict.WARN) + " warned, " + report.count(Verdict.FAIL) + " failed, " + report.count(Verdict.UNKNOWN) + " unknown");
    page.paragraph(meaning(verdict));
    if (report.stopped() != null) {
      page.paragraph("Stopped early: " + report.stopped());
    }
    attention();
    page.section("Checks");
    for (Group group : Group.values()) {
      checks(group);
    }
    page.section("What a PASS does not say").list(Report.NOT_SAID);
    inventory();
    page.small("What each check does, and where its limits come from: docs/validation.md of Tern.");
    return page.html();
  }

  /** What someone should look at, before everything that is well. */
  private void attention() {
    List<String> lines = new ArrayList<>();
    for (Verdict v : List.of(Verdict.FAIL, Verdict.WARN)) {
      report.results().stream().filter(r -> r.outcome().verdict() == v).forEach(r -> lines.add(v + ": " + r.check().id() + ": " + r.outcome().reason()));
    }
    report.results().stream().filter(r -> r.outcome().verdict() == Verdict.UNKNOWN && r.check().group().isRequired())
        .forEach(r -> lines.add("UNKNOWN: " + r.check().id() + ": " + r.outcome().reason()));
    page.list(lines);
  }

  private static String meaning(Verdict verdict) {
    return switch (verdict) {
      case PASS -> "The device computed rightly wherever it was checked, and nothing it tells of itself is amiss.";
      case WARN -> "The device works, and someone should look at what warned.";
      case FAIL -> "The device must not be used, or cannot be.";
      case UNKNOWN -> "What must be known of the device could not be told.";
    };
  }

  private void checks(Group group) {
    List<Report.Result> results = report.results().stream().filter(r -> r.check().group() == group).toList();
    if (results.isEmpty()) {
      return;
    }
    page.heading(title(group) + ": " + counted(results));
    HtmlTable table = new HtmlTable().column("verdict", Align.LEFT, 10).column("check", Align.LEFT, 36).column("what was found", Align.LEFT, 32)
        .column("held to a limit", Align.LEFT, 22);
    for (Report.Result r : results) {
      List<Figure> held = r.outcome().figures().stream().filter(f -> !Double.isNaN(f.limit())).toList();
      String others = r.outcome().figures().stream().filter(f -> Double.isNaN(f.limit())).map(f -> f.name() + " " + value(f.value(), f.unit()))
          .collect(Collectors.joining(", "));
      table.row("", Cell.badge(r.outcome().verdict().name(), kind(r.outcome().verdict())), Cell.two(r.check().id(), r.check().what()),
          Cell.two(r.outcome().reason() + (r.rounds() > 1 ? " (" + r.rounds() + " rounds)" : ""), others), held.isEmpty() ? Cell.of("") : held(held.get(0)));
      held.stream().skip(1).forEach(f -> table.row("more", Cell.of(""), Cell.of(""), Cell.of(""), held(f)));
    }
    page.table(table);
  }

  private static String counted(List<Report.Result> results) {
    StringJoiner words = new StringJoiner(", ");
    for (Verdict v : Verdict.values()) {
      long n = results.stream().filter(r -> r.outcome().verdict() == v).count();
      if (n > 0) {
        words.add(n + " " + switch (v) {
          case PASS -> "passed";
          case UNKNOWN -> "unknown";
          case WARN -> "warned";
          case FAIL -> "failed";
        });
      }
    }
    return words.toString();
  }

  private static Cell held(Figure f) {
    return new Cell(value(f.value(), f.unit()), "", f.name() + ", limit " + value(f.limit(), f.unit()), share(f, f.value()), share(f, f.limit()));
  }

  /** Where a value lies on a bar that holds it and its limit; NaN where there is no limit, or nothing that a bar would show. */
  private static double share(Figure f, double value) {
    double longest = Math.max(f.value(), f.limit());
    return f.limit() > 0 && f.value() >= 0 ? value / (1.1 * longest) : Double.NaN;
  }

  private static String value(double value, String unit) {
    return switch (unit) {
      case "GB/s" -> Amount.of(value * 1e9, "B/s");
      case "Gop/s" -> Amount.of(value * 1e9, "op/s");
      case "MB" -> Amount.of(value * 1e6, "B");
      case "us" -> Amount.seconds(value * 1e-6);
      case "C" -> Amount.number(value) + " °C";
      case "of its bound" -> Amount.number(value) + " of the bound";
      default -> Amount.number(value) + (unit.isEmpty() ? "" : " " + unit);
    };
  }

  private static String title(Group group) {
    return switch (group) {
      case DEVICE -> "Device";
      case HEALTH -> "Health";
      case CORRECTNESS -> "Correctness";
      case CORRUPTION -> "Silent corruption";
      case SPEED -> "Speed";
    };
  }

  private void inventory() {
    page.section("Inventory");
    Map<String, String> read = new LinkedHashMap<>();
    List<String> unread = new ArrayList<>();
    for (Inventory item : report.inventory()) {
      if (item.value() != null) {
        read.put(item.item(), item.value());
      } else {
        unread.add(item.item() + ": " + item.unreadable());
      }
    }
    page.facts(read);
    if (!unread.isEmpty()) {
      page.heading("Cannot be read").list(unread);
    }
  }

  private static String kind(Verdict verdict) {
    return verdict.name().toLowerCase(Locale.ROOT);
  }

  private static String took(double seconds) {
    return seconds < 2 * MINUTE ? Amount.number(seconds) + " s" : Amount.number(seconds / MINUTE) + " minutes";
  }
}
