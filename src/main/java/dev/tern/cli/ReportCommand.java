package dev.tern.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tern.bench.JsonFile;
import dev.tern.bench.KernelReportJson;
import dev.tern.bench.ReportFormatException;
import dev.tern.report.KernelHtml;
import dev.tern.report.ValidationHtml;
import dev.tern.validate.JsonReportReader;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code tern report}: a saved report as a page to look at, anywhere and later. */
@Command(name = "report", description = "Writes a report that bench kernel --json or validate --json saved as an HTML page: one file, no script, no network.")
final class ReportCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "REPORT.json", description = "what is shown")
  Path report;

  @Parameters(index = "1", paramLabel = "PAGE.html", description = "where the page goes; a file that is there is replaced")
  Path page;

  @Override
  public Integer call() {
    ReportFile out = ReportFile.of("PAGE.html", page);
    if (out.isSame(report)) {
      throw new IllegalArgumentException("the page would replace the report: " + page);
    }
    out.write(page(JsonFile.read(report), report.toString()));
    return Tern.OK;
  }

  /**
   * The page of a report of either kind.
   *
   * @throws ReportFormatException if the tree is no report
   */
  static String page(JsonNode root, String name) {
    if (root.has("schema")) {
      return KernelHtml.of(KernelReportJson.read(root, name));
    }
    if (JsonReportReader.isReport(root)) {
      return ValidationHtml.of(JsonReportReader.read(root, name));
    }
    throw new ReportFormatException(name + " is no report of bench kernel --json or validate --json");
  }
}
