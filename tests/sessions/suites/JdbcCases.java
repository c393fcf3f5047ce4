// What applications with pgjdbc do. Prints what they see, case by case.

import java.io.StringReader;
import java.io.StringWriter;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

public class JdbcCases {
  interface Case {
    void run() throws Exception;
  }

  static Connection connect(String options) throws SQLException {
    String url = "jdbc:postgresql://" + System.getenv("PGHOST") + "/" + System.getenv("PGDATABASE")
        + "?user=" + System.getenv("PGUSER") + "&password=" + System.getenv("PGPASSWORD").replace(" ", "%20")
        + "&sslmode=disable&gssEncMode=disable" + options;
    return DriverManager.getConnection(url);
  }

  static void show(ResultSet rows) throws SQLException {
    StringBuilder out = new StringBuilder();
    int columns = rows.getMetaData().getColumnCount();
    while (rows.next()) {
      for (int i = 1; i <= columns; i++) out.append(i > 1 ? "|" : "").append(rows.getString(i));
      out.append(" ");
    }
    System.out.println(out.toString().trim());
  }

  static void ask(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      if (statement.execute(sql)) show(statement.getResultSet());
      else System.out.println(statement.getUpdateCount());
    } catch (SQLException error) {
      System.out.println(error.getSQLState() + " " + error.getMessage().split("\n")[0]);
    }
  }

  static void prepared(String options, int times) throws SQLException {
    try (Connection connection = connect(options);
        PreparedStatement statement = connection.prepareStatement("SELECT ?::int * 2, ?::text")) {
      for (int i = 0; i < times; i++) {
        statement.setInt(1, i);
        statement.setString(2, "ü");
        try (ResultSet rows = statement.executeQuery()) {
          show(rows);
        }
      }
      ask(connection, "SELECT count(*) FROM pg_prepared_statements");
    }
  }

  static void autosave(String options) throws SQLException {
    try (Connection connection = connect(options)) {
      connection.setAutoCommit(false);
      ask(connection, "INSERT INTO app.t VALUES (300, 1, 'autosave')");
      ask(connection, "SELECT nosuch");
      ask(connection, "INSERT INTO app.t VALUES (301, 1, 'after an error')");
      try (PreparedStatement insert =
          connection.prepareStatement("INSERT INTO app.t VALUES (?, ?, 'p')")) {
        for (int id : new int[] {302, 1, 303}) {
          insert.setInt(1, id);
          insert.setInt(2, id);
          try {
            System.out.println(insert.executeUpdate());
          } catch (SQLException error) {
            System.out.println(error.getSQLState());
          }
        }
      }
      try {
        connection.commit();
      } catch (SQLException error) {
        System.out.println("commit " + error.getSQLState());
      }
      ask(connection, "SELECT id, s FROM app.t WHERE id >= 300 ORDER BY id");
      ask(connection, "DELETE FROM app.t WHERE id >= 300");
      connection.commit();
    }
  }

  static void batch(String options) throws SQLException {
    try (Connection connection = connect(options);
        PreparedStatement insert =
            connection.prepareStatement("INSERT INTO app.t VALUES (?, ?, ?)")) {
      for (int i = 0; i < 20; i++) {
        insert.setInt(1, 320 + i);
        insert.setInt(2, i);
        insert.setString(3, "batch");
        insert.addBatch();
      }
      System.out.println(insert.executeBatch().length);
      for (int id : new int[] {350, 1, 351}) {
        insert.setInt(1, id);
        insert.setInt(2, id);
        insert.setString(3, "batch");
        insert.addBatch();
      }
      try {
        insert.executeBatch();
      } catch (BatchUpdateException error) {
        System.out.println(error.getSQLState() + " " + Arrays.toString(error.getUpdateCounts()));
      }
      ask(connection, "SELECT count(*) FROM app.t WHERE s = 'batch'");
      ask(connection, "DELETE FROM app.t WHERE s = 'batch'");
    }
  }

  static void fetchSize() throws SQLException {
    try (Connection connection = connect("")) {
      connection.setAutoCommit(false);
      try (Statement statement = connection.createStatement()) {
        statement.setFetchSize(7);
        int sum = 0;
        try (ResultSet rows = statement.executeQuery("SELECT generate_series(1, 100)")) {
          while (rows.next()) sum += rows.getInt(1);
        }
        System.out.println(sum);
        try (ResultSet rows = statement.executeQuery("INSERT INTO app.t SELECT 360 + g, g, 'f' "
            + "FROM generate_series(1, 20) g RETURNING id")) {
          int count = 0;
          while (rows.next()) count++;
          System.out.println(count);
        }
      }
      connection.rollback();
    }
  }

  static void readOnly(String options) throws SQLException {
    try (Connection connection = connect(options)) {
      connection.setReadOnly(true);
      ask(connection, "SHOW transaction_read_only");
      ask(connection, "INSERT INTO app.t VALUES (380, 1, 'written')");
      ask(connection, "SELECT count(*) FROM app.t WHERE id = 380");
      connection.setReadOnly(false);
      ask(connection, "INSERT INTO app.t VALUES (380, 1, 'written')");
      ask(connection, "DELETE FROM app.t WHERE id = 380");
    }
  }

  static void isolationAndSavepoints() throws SQLException {
    try (Connection connection = connect("&currentSchema=app")) {
      connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
      connection.setAutoCommit(false);
      ask(connection, "SHOW transaction_isolation");
      Savepoint point = connection.setSavepoint("first point");
      ask(connection, "INSERT INTO t VALUES (390, 1, '')");
      connection.rollback(point);
      connection.releaseSavepoint(point);
      ask(connection, "SELECT count(*) FROM t WHERE id = 390");
      connection.commit();
      connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
      ask(connection, "SHOW transaction_isolation");
      connection.commit();
    }
  }

  static void copies() throws Exception {
    try (Connection connection = connect("")) {
      var copies = connection.unwrap(PGConnection.class).getCopyAPI();
      System.out.println(copies.copyIn("COPY app.t FROM STDIN", new StringReader("395\t1\tcopied\n")));
      StringWriter out = new StringWriter();
      copies.copyOut("COPY (SELECT id FROM app.t WHERE id = 395) TO STDOUT", out);
      System.out.println(out.toString().trim());
      try {
        copies.copyIn("COPY app.t FROM STDIN", new StringReader("not a row\n"));
      } catch (SQLException error) {
        System.out.println(error.getSQLState());
      }
      ask(connection, "DELETE FROM app.t WHERE id = 395");
    }
  }

  static void notifications() throws SQLException {
    try (Connection connection = connect("")) {
      ask(connection, "LISTEN jdbc");
      for (String payload : new String[] {"a", "b", "c"}) ask(connection, "NOTIFY jdbc, '" + payload + "'");
      int heard = 0;
      while (heard < 3) {
        PGNotification[] some = connection.unwrap(PGConnection.class).getNotifications(10_000);
        if (some == null || some.length == 0) break;
        for (PGNotification one : some) System.out.println(one.getName() + " " + one.getParameter());
        heard += some.length;
      }
    }
  }

  static void schemaChanges() throws SQLException {
    try (Connection connection = connect("&prepareThreshold=1&autosave=conservative")) {
      connection.setAutoCommit(false);
      ask(connection, "CREATE TABLE app.x_jdbc(a int)");
      connection.commit();
      try (PreparedStatement select = connection.prepareStatement("SELECT * FROM app.x_jdbc")) {
        for (int i = 0; i < 3; i++) show(select.executeQuery());
        connection.commit();
        ask(connection, "ALTER TABLE app.x_jdbc ADD COLUMN b int DEFAULT 2");
        ask(connection, "INSERT INTO app.x_jdbc VALUES (1, 3)");
        connection.commit();
        show(select.executeQuery());
        connection.commit();
      }
      ask(connection, "DROP TABLE app.x_jdbc");
      connection.commit();
    }
  }

  static void generatedKeys() throws SQLException {
    try (Connection connection = connect("&currentSchema=app");
        PreparedStatement insert = connection.prepareStatement(
            "INSERT INTO u(v) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
      insert.setString(1, "keys");
      insert.executeUpdate();
      try (ResultSet keys = insert.getGeneratedKeys()) {
        show(keys);
      }
    }
  }

  static void cancelled() throws Exception {
    try (Connection connection = connect(""); Statement statement = connection.createStatement()) {
      statement.setQueryTimeout(1);
      try {
        statement.execute("SELECT pg_sleep(60)");
      } catch (SQLException error) {
        System.out.println(error.getSQLState());
      }
      ask(connection, "SELECT 1");
    }
  }

  public static void main(String[] arguments) {
    Map<String, Case> cases = new LinkedHashMap<>();
    cases.put("prepared_by_threshold", () -> prepared("", 8));
    cases.put("prepared_at_once_binary", () -> prepared("&prepareThreshold=-1&binaryTransfer=true", 3));
    cases.put("simple_protocol", () -> prepared("&preferQueryMode=simple", 3));
    cases.put("extended_for_prepared", () -> prepared("&preferQueryMode=extendedForPrepared", 7));
    cases.put("extended_cache_everything", () -> prepared("&preferQueryMode=extendedCacheEverything", 7));
    cases.put("autosave_always", () -> autosave("&autosave=always"));
    cases.put("autosave_conservative", () -> autosave("&autosave=conservative"));
    cases.put("autosave_never", () -> autosave("&autosave=never"));
    cases.put("autosave_without_cleanup", () -> autosave("&autosave=always&cleanupSavepoints=true"));
    cases.put("batch", () -> batch(""));
    cases.put("batch_rewritten", () -> batch("&reWriteBatchedInserts=true"));
    cases.put("fetch_size", JdbcCases::fetchSize);
    cases.put("read_only_always", () -> readOnly("&readOnlyMode=always"));
    cases.put("read_only_transaction", () -> readOnly("&readOnlyMode=transaction"));
    cases.put("isolation_and_savepoints", JdbcCases::isolationAndSavepoints);
    cases.put("copies", JdbcCases::copies);
    cases.put("notifications", JdbcCases::notifications);
    cases.put("schema_changes", JdbcCases::schemaChanges);
    cases.put("generated_keys", JdbcCases::generatedKeys);
    cases.put("cancelled", JdbcCases::cancelled);
    cases.forEach((name, one) -> {
      System.out.println("== " + name);
      try {
        one.run();
      } catch (Exception error) {
        System.out.println("failed: " + error.getClass().getSimpleName() + " "
            + String.valueOf(error.getMessage()).split("\n")[0]);
      }
    });
  }
}
