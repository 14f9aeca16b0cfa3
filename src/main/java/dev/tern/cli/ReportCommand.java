package dev.tern.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.bench.KernelReportJson;
import dev.tern.report.KernelHtml;
import dev.tern.report.ValidationHtml;
import dev.tern.validate.JsonReportReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code tern report}: a saved report as a page to look at, anywhere and later. */
@Command(name = "report", description = "Writes a report that bench kernel --json or validate --json saved as an HTML page: one file, no script, no network.")
final class ReportCommand implements Callable<Integer> {
  /** A report of a thousand cases with all of their samples has 30 MB. */
  private static final int MAX_BYTES = 64 << 20;

  @Parameters(index = "0", paramLabel = "REPORT.json", description = "what is shown")
  Path report;

  @Parameters(index = "1", paramLabel = "PAGE.html", description = "where the page goes; a file that is there is replaced")
  Path page;

  @Override
  public Integer call() {
    String text = read(report);
    ReportFile out = ReportFile.of("PAGE.html", page);
    out.write(page(text, report.toString()));
    return Tern.OK;
  }

  /**
   * The page of a report of either kind.
   *
   * @throws IllegalArgumentException if the text is no report
   */
  static String page(String text, String name) {
    JsonNode root;
    try {
      root = new ObjectMapper().readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(name + " is not JSON: " + e.getOriginalMessage(), e);
    }
    if (root.has("schema")) {
      return KernelHtml.of(KernelReportJson.read(text, name));
    }
    if (JsonReportReader.isReport(root)) {
      return ValidationHtml.of(JsonReportReader.read(text, name));
    }
    throw new IllegalArgumentException(name + " is no report of bench kernel --json or validate --json");
  }

  private static String read(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MAX_BYTES + 1);
      if (bytes.length > MAX_BYTES) {
        throw new IllegalArgumentException(file + " is no report: it has more than " + MAX_BYTES + " bytes");
      }
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(file + " is not UTF-8", e);
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException(file + ": no such file", e);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be read: " + e, e);
    }
  }
}
