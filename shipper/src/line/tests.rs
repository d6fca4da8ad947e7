//! Messages that Lambda's runtimes and common loggers write, and their parsed form. Each row names
//! its source.

use proptest::prelude::*;

use super::Level::{Debug, Error, Fatal, Info, Notice, Trace, Warn};
use super::request_id::is_request_id;
use super::timestamp::is_timestamp;
use super::*;

const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";

/// `<id>` in a message is a request id, which is expected for `Of::Request`.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Request,
    Unknown,
}

use Of::{Request, Unknown};

#[track_caller]
fn check(rows: &[(&str, Option<Level>, Of, Option<&str>)]) {
    for &(message, level, of, json) in rows {
        let (message, json) =
            (message.replace("<id>", ID), json.map(|json| json.replace("<id>", ID)));
        let line = Line::parse(&message);
        assert_eq!(
            (line.kind, line.level, line.request_id.as_deref(), line.json),
            (Kind::Application, level, (of == Request).then_some(ID), json.as_deref()),
            "{message}"
        );
    }
}

/// For messages that are a single JSON object.
#[track_caller]
fn check_json(rows: &[(&str, Option<Level>, Of)]) {
    for &(message, level, of) in rows {
        check(&[(message, level, of, Some(message))]);
    }
}

#[test]
fn node() {
    check(&[
        // aws/aws-lambda-nodejs-runtime-interface-client, src/LogPatch.js: columns of the console.
        ("2024-05-01T10:00:00.000Z\t<id>\tTRACE\tx", Some(Trace), Request, None),
        ("2024-05-01T10:00:00.000Z\t<id>\tFATAL\tx", Some(Fatal), Request, None),
        ("2024-05-01T10:00:00.000Z\tundefined\tWARN\tx", Some(Warn), Unknown, None),
        // The same file, `textErrorLogger`, and src/Errors.js: a name, then the error as JSON.
        (
            "2024-05-01T10:00:00.000Z\t<id>\tERROR\tInvoke Error \t{\"errorType\":\"Error\",\"stack\":[\"a\"]}\n",
            Some(Error),
            Request,
            Some(r#"{"errorType":"Error","stack":["a"]}"#),
        ),
        (
            "2024-05-01T10:00:00.000Z\tundefined\tERROR\tUncaught Exception \t{\"errorType\":\"TypeError\"}",
            Some(Error),
            Unknown,
            Some(r#"{"errorType":"TypeError"}"#),
        ),
        (
            "2024-05-01T10:00:00.000Z\t<id>\tERROR\tUnhandled Promise Rejection \t{\"reason\":{\"level\":\"info\"}}",
            Some(Error),
            Request,
            Some(r#"{"reason":{"level":"info"}}"#),
        ),
        // console.log with a label: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html
        (
            "2024-05-01T10:00:00.000Z\t<id>\tINFO\tEVENT\n{\"sku\":7}",
            Some(Info),
            Request,
            Some(r#"{"sku":7}"#),
        ),
        // util.inspect, which console.log uses for objects, writes no JSON.
        ("2024-05-01T10:00:00.000Z\t<id>\tINFO\tgot { sku: 7 }", Some(Info), Request, None),
        // winstonjs/logform, README: simple(), align() and printf() as commonly given.
        ("error: out of stock", Some(Error), Unknown, None),
        ("verbose: looked up {\"sku\":7}", Some(Debug), Unknown, Some(r#"{"sku":7}"#)),
        ("2024-05-01T10:00:00.000Z [orders] warn: low", Some(Warn), Unknown, None),
        ("\u{1b}[31merror\u{1b}[39m: out of stock", Some(Error), Unknown, None),
        // log4js-node/log4js-node, lib/layouts.js: basic and colored.
        ("[2024-05-01T10:00:00.000] [ERROR] default - x", Some(Error), Unknown, None),
        (
            "\u{1b}[91m[2024-05-01T10:00:00.000] [ERROR] default - \u{1b}[39mx",
            Some(Error),
            Unknown,
            None,
        ),
        // nestjs/nest, packages/common/services/console-logger.service.ts.
        (
            "\u{1b}[31m[Nest] 8  - \u{1b}[39m05/01/2024, 10:00:00 AM \u{1b}[31m  ERROR\u{1b}[39m \u{1b}[38;5;3m[App] \u{1b}[39mx",
            Some(Error),
            Unknown,
            None,
        ),
    ]);
}

#[test]
fn python() {
    check(&[
        // aws/aws-lambda-python-runtime-interface-client, awslambdaric/bootstrap.py.
        ("[CRITICAL]\t2024-05-01T10:00:00.000Z\t<id>\tx\n", Some(Fatal), Request, None),
        (
            "[ERROR] KeyError: 'sku'\rTraceback (most recent call last):\r",
            Some(Error),
            Unknown,
            None,
        ),
        (
            "[INFO]\t2024-05-01T10:00:00.000Z\t<id>\tevent: {\"sku\": 7}",
            Some(Info),
            Request,
            Some(r#"{"sku": 7}"#),
        ),
        // python/cpython, Lib/logging/__init__.py: BASIC_FORMAT, and a format of its cookbook.
        ("ERROR:root:out of stock", Some(Error), Unknown, None),
        ("2024-05-01 10:00:00,123 - shop.orders - WARNING - low", Some(Warn), Unknown, None),
        // Delgan/loguru, loguru/_defaults.py.
        ("2024-05-01 10:00:00.123 | ERROR    | shop:order:7 - x", Some(Error), Unknown, None),
        // hynek/structlog, ConsoleRenderer.
        ("2024-05-01 10:00:00 [error    ] out of stock  sku=7", Some(Error), Unknown, None),
    ]);
}

#[test]
fn java() {
    check(&[
        // aws/aws-lambda-java-libs, client/logging/TextLogFormatter.java.
        ("[ERROR] out of stock", Some(Error), Unknown, None),
        // awsdocs/aws-lambda-developer-guide, java-logging.md: `%d %X{AWSRequestId} %-5p %c{1}:%L - %m`.
        ("2024-05-01 10:00:00 <id> ERROR Orders:17 - x", Some(Error), Request, None),
        (
            "2024-05-01 10:00:00 <id> INFO  Orders - {\"a\":1}",
            Some(Info),
            Request,
            Some(r#"{"a":1}"#),
        ),
        // The same outside a request.
        ("2024-05-01 10:00:00  WARN  Orders:17 - x", Some(Warn), Unknown, None),
        // logback-classic, BasicConfigurator and TTLLLayout.
        ("10:00:00.123 [main] ERROR com.shop.Orders -- x", Some(Error), Unknown, None),
        (
            "10:00:00.123 [http-nio-8080-exec-1] DEBUG com.shop.Orders - x",
            Some(Debug),
            Unknown,
            None,
        ),
        // org.apache.logging.log4j, PatternLayout's examples and DefaultConfiguration.
        ("ERROR [main] com.shop.Orders: x", Some(Error), Unknown, None),
        ("[main] FATAL com.shop.Orders - x", Some(Fatal), Unknown, None),
        // spring-projects/spring-boot, logback/defaults.xml.
        (
            "2024-05-01T10:00:00.123Z ERROR 8 --- [           main] c.shop.Orders : x",
            Some(Error),
            Unknown,
            None,
        ),
        // quarkusio/quarkus, quarkus.log.console.format.
        ("2024-05-01 10:00:00,123 WARN  [com.sho.Orders] (main) x", Some(Warn), Unknown, None),
        // java.util.logging.SimpleFormatter, second line.
        ("SEVERE: out of stock", Some(Error), Unknown, None),
        ("FINEST: looked up", Some(Trace), Unknown, None),
    ]);
}

#[test]
fn dotnet() {
    check(&[
        // aws/aws-lambda-dotnet, RuntimeSupport/Helpers/ConsoleLoggerWriter.cs.
        ("2024-05-01T10:00:00.000Z\t<id>\ttrce\tx", Some(Trace), Request, None),
        ("2024-05-01T10:00:00.000Z\t<id>\tdbug\tx", Some(Debug), Request, None),
        ("2024-05-01T10:00:00.000Z\t<id>\tinfo\tx", Some(Info), Request, None),
        ("2024-05-01T10:00:00.000Z\t<id>\twarn\tx", Some(Warn), Request, None),
        ("2024-05-01T10:00:00.000Z\t<id>\tfail\tx", Some(Error), Request, None),
        ("2024-05-01T10:00:00.000Z\t<id>\tcrit\tx", Some(Fatal), Request, None),
        (
            "2024-05-01T10:00:00.000Z\t<id>\tfail\t{\"a\":1}\n",
            Some(Error),
            Request,
            Some(r#"{"a":1}"#),
        ),
        // The same file: no request yet; and Amazon.Lambda.Logging.AspNetCore, which adds its own level.
        ("2024-05-01T10:00:00.000Z\t\tinfo\tx", Some(Info), Unknown, None),
        ("2024-05-01T10:00:00.000Z\t<id>\t[Error] Shop.Orders: x", Some(Error), Request, None),
        // dotnet/runtime, Logging.Console/src/SimpleConsoleFormatter.cs.
        ("fail: Shop.Orders[0]\n      out of stock", Some(Error), Unknown, None),
        ("crit: Shop.Orders[0] x", Some(Fatal), Unknown, None),
        // serilog/serilog-sinks-console, README: default template.
        ("[10:00:00 ERR] out of stock", Some(Error), Unknown, None),
        ("[10:00:00 VRB] looked up", Some(Debug), Unknown, None),
        // apache/logging-log4net, README, and NLog's default layout.
        ("2024-05-01 10:00:00,123 [1] ERROR Shop.Orders - x", Some(Error), Unknown, None),
        ("2024-05-01 10:00:00.1234|FATAL|Shop.Orders|x", Some(Fatal), Unknown, None),
    ]);
}

#[test]
fn ruby() {
    check(&[
        // aws/aws-lambda-ruby-runtime-interface-client, lambda_log_formatter.rb and its test.
        ("E, [2024-05-01T10:00:00.123456 #8] ERROR <id> -- : x", Some(Error), Request, None),
        ("W, [2024-05-01T10:00:00.123456 #8]  WARN <id> -- shop: x", Some(Warn), Request, None),
        (
            "I, [2024-05-01T10:00:00.123456 #8]  INFO <id> -- : {\"a\":1}",
            Some(Info),
            Request,
            Some(r#"{"a":1}"#),
        ),
        // ruby/logger, lib/logger/formatter.rb, before a request.
        ("F, [2024-05-01T10:00:00.123456 #8] FATAL -- : x", Some(Fatal), Unknown, None),
        // https://docs.aws.amazon.com/lambda/latest/dg/ruby-exceptions.html: an unhandled error.
        (
            "Error raised from handler method\n{\n  \"errorMessage\": \"x\",\n  \"errorType\": \"Function<TypeError>\"\n}",
            Some(Error),
            Unknown,
            Some("{\n  \"errorMessage\": \"x\",\n  \"errorType\": \"Function<TypeError>\"\n}"),
        ),
    ]);
}

#[test]
fn go() {
    check(&[
        // golang/go, log/slog: the default handler through log, and TextHandler.
        ("2024/05/01 10:00:00 ERROR out of stock sku=7", Some(Error), Unknown, None),
        ("time=2024-05-01T10:00:00.000Z level=WARN msg=\"low stock\"", Some(Warn), Unknown, None),
        ("time=2024-05-01T10:00:00.000Z level=ERROR+2 msg=x", Some(Error), Unknown, None),
        // golang/go, log: no level.
        ("2024/05/01 10:00:00 order taken", None, Unknown, None),
        // golang/go, runtime/panic.go.
        ("panic: runtime error: index out of range [7]", Some(Fatal), Unknown, None),
        // sirupsen/logrus, README: TextFormatter without a terminal.
        (
            "time=\"2024-05-01T10:00:00Z\" level=fatal msg=\"a b\" requestId=<id>",
            Some(Fatal),
            Request,
            None,
        ),
        // go-kit/log, README.
        (
            "ts=2024-05-01T10:00:00Z caller=main.go:7 level=error err=\"x y\"",
            Some(Error),
            Unknown,
            None,
        ),
        // uber-go/zap, NewDevelopmentConfig.
        (
            "2024-05-01T10:00:00.000Z\tDPANIC\tshop/main.go:7\tx\t{\"sku\": 7}",
            Some(Fatal),
            Unknown,
            Some(r#"{"sku": 7}"#),
        ),
        // rs/zerolog, ConsoleWriter.
        ("10:00AM ERR out of stock sku=7", Some(Error), Unknown, None),
        (
            "\u{1b}[90m10:00AM\u{1b}[0m \u{1b}[1m\u{1b}[31mFTL\u{1b}[0m\u{1b}[0m x",
            Some(Fatal),
            Unknown,
            None,
        ),
        // kubernetes/klog, klog.go: header.
        ("E0501 10:00:00.123456       8 orders.go:7] out of stock", Some(Error), Unknown, None),
        // AWS Parameters and Secrets Lambda Extension, as in public logs.
        (
            "[AWS Parameters and Secrets Lambda Extension] 2024/05/01 10:00:00 INFO x",
            Some(Info),
            Unknown,
            None,
        ),
    ]);
}

#[test]
fn rust() {
    check(&[
        // aws/aws-lambda-rust-runtime, lambda-runtime-api-client/src/tracing.rs and lambda-runtime/src/layers/trace.rs:
        // no time, no target, the request's span.
        (
            " INFO Lambda runtime invoke{requestId=\"<id>\" xrayTraceId=\"Root=1-2\"}: order taken",
            Some(Info),
            Request,
            None,
        ),
        (
            "ERROR Lambda runtime invoke{requestId=\"<id>\"}: user handler panicked error=Any { .. }",
            Some(Error),
            Request,
            None,
        ),
        // tokio-rs/tracing, tracing-subscriber/src/fmt/format/mod.rs: full, with and without colors.
        ("2024-05-01T10:00:00.123456Z TRACE shop::orders: x sku=7", Some(Trace), Unknown, None),
        (
            "\u{1b}[2m2024-05-01T10:00:00.123456Z\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m \u{1b}[1mLambda runtime invoke\u{1b}[0m\
             \u{1b}[1m{\u{1b}[0m\u{1b}[3mrequestId\u{1b}[0m\u{1b}[2m=\u{1b}[0m\"<id>\"\u{1b}[1m}\u{1b}[0m: x",
            Some(Error),
            Request,
            None,
        ),
        // rust-cli/env_logger, src/fmt/mod.rs.
        ("[2024-05-01T10:00:00Z WARN  shop::orders] low", Some(Warn), Unknown, None),
    ]);
    check_json(&[
        // tokio-rs/tracing, tracing-subscriber/src/fmt/format/json.rs.
        (
            r#"{"timestamp":"t","level":"ERROR","fields":{"message":"x"},"target":"shop","span":{"requestId":"<id>","name":"Lambda runtime invoke"}}"#,
            Some(Error),
            Request,
        ),
        (
            r#"{"level":"INFO","fields":{},"spans":[{"requestId":"<id>","name":"Lambda runtime invoke"},{"name":"order"}]}"#,
            Some(Info),
            Request,
        ),
    ]);
}

#[test]
fn json_of_common_loggers() {
    check_json(&[
        // pinojs/pino and pino-lambda; trentm/node-bunyan.
        (r#"{"level":50,"time":1,"awsRequestId":"<id>","msg":"x"}"#, Some(Error), Request),
        (
            r#"{"name":"shop","hostname":"h","pid":8,"level":60,"msg":"x","v":0}"#,
            Some(Fatal),
            Unknown,
        ),
        // winstonjs/winston.
        (r#"{"level":"verbose","message":"x"}"#, Some(Debug), Unknown),
        (r#"{"level":"silly","message":"x"}"#, Some(Trace), Unknown),
        // log4js-node/log4js-node, a level as an object.
        (r#"{"level":{"level":40000,"levelStr":"ERROR","colour":"red"}}"#, Some(Error), Unknown),
        // uber-go/zap, rs/zerolog, hashicorp/go-hclog, golang/go log/slog, inconshreveable/log15.
        (r#"{"level":"dpanic","ts":1.5,"msg":"x"}"#, Some(Fatal), Unknown),
        (r#"{"level":"panic","message":"x"}"#, Some(Fatal), Unknown),
        (r#"{"@level":"warn","@message":"x"}"#, Some(Warn), Unknown),
        (r#"{"time":"t","level":"ERROR+2","msg":"x"}"#, Some(Error), Unknown),
        (r#"{"lvl":"crit","msg":"x"}"#, Some(Fatal), Unknown),
        // serilog/serilog-formatting-compact, and Serilog's JsonFormatter.
        (r#"{"@t":"t","@mt":"x","@l":"Error"}"#, Some(Error), Unknown),
        (r#"{"Timestamp":"t","Level":"Fatal","MessageTemplate":"x"}"#, Some(Fatal), Unknown),
        // dotnet/runtime, Logging.Console/src/JsonConsoleFormatter.cs.
        (
            r#"{"EventId":0,"LogLevel":"Critical","Category":"Shop","Message":"x"}"#,
            Some(Fatal),
            Unknown,
        ),
        // madzak/python-json-logger, hynek/structlog, aws-powertools of three languages.
        (r#"{"levelname":"CRITICAL","message":"x"}"#, Some(Fatal), Unknown),
        (r#"{"event":"x","log_level":"error"}"#, Some(Error), Unknown),
        (r#"{"level":"WARNING","function_request_id":"<id>","service":"x"}"#, Some(Warn), Request),
        // Delgan/loguru, serialize=True.
        (
            r#"{"text":"x","record":{"level":{"icon":"x","name":"ERROR","no":40}}}"#,
            Some(Error),
            Unknown,
        ),
        // elastic/ecs-logging, flat and nested.
        (r#"{"@timestamp":"t","log.level":"ERROR","message":"x"}"#, Some(Error), Unknown),
        (r#"{"@timestamp":"t","log":{"logger":"x","level":"error"}}"#, Some(Error), Unknown),
        // Google Cloud's names, java.util.logging's, syslog's, OpenTelemetry's.
        (r#"{"severity":"EMERGENCY","message":"x"}"#, Some(Fatal), Unknown),
        (r#"{"severity":"ALERT"}"#, Some(Fatal), Unknown),
        (r#"{"severity":"emerg"}"#, Some(Fatal), Unknown),
        (r#"{"loglevel":"SEVERE"}"#, Some(Error), Unknown),
        (r#"{"logLevel":"notice"}"#, Some(Notice), Unknown),
        (r#"{"SeverityText":"Trace"}"#, Some(Trace), Unknown),
        // Seldaek/monolog, JsonFormatter: the number is Monolog's own.
        (r#"{"message":"x","level":400,"level_name":"ERROR"}"#, Some(Error), Unknown),
        // aws/aws-lambda-go, lambda/messages: an error object.
        (r#"{"errorMessage":"x","errorType":"errorString"}"#, Some(Error), Unknown),
        // Values that are not levels.
        (r#"{"level":3,"log":"error","record":{"level":5}}"#, None, Unknown),
    ]);
}

#[test]
fn an_id_field_is_a_request_id_only_in_lambdas_form() {
    let other = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef";
    check_json(&[
        (r#"{"requestId":"<id>"}"#, None, Request),
        (r#"{"request_id":"<id>"}"#, None, Request),
        (r#"{"RequestId":"<id>"}"#, None, Request),
        (r#"{"aws_request_id":"<id>"}"#, None, Request),
        (r#"{"lambda_request_id":"<id>"}"#, None, Request),
        (r#"{"faas.execution":"<id>"}"#, None, Request),
        // API Gateway's extended id, Amazon S3's id, a counter, an application's own id.
        (r#"{"requestId":"JKJaXmPLvHcESHA="}"#, None, Unknown),
        (r#"{"requestId":"4442587FB7D0A2F9"}"#, None, Unknown),
        (r#"{"requestId":17}"#, None, Unknown),
        (r#"{"span":{"requestId":"<id>","name":"order"}}"#, None, Unknown),
        (r#"{"requestId":"order-7","request_id":"<id>"}"#, None, Request),
        (r#"{"awsRequestId":"none","requestId":"<id>"}"#, None, Request),
    ]);
    // API Gateway's id may be a UUID too: Lambda's field name has precedence.
    let both = format!(r#"{{"requestId":"{other}","awsRequestId":"{ID}"}}"#);
    assert_eq!(Line::parse(&both).request_id.as_deref(), Some(ID));
    // The object after a label may be an event of API Gateway.
    check(&[
        ("event: {\"requestId\":\"<id>\"}", None, Unknown, Some("{\"requestId\":\"<id>\"}")),
        // Java writes maps like this.
        ("INFO event {requestId=<id>, stage=prod}", Some(Info), Unknown, None),
        ("event: {\"awsRequestId\":\"<id>\"}", None, Request, Some("{\"awsRequestId\":\"<id>\"}")),
    ]);
}

#[test]
fn json_is_found_after_a_label_a_byte_order_mark_and_colors() {
    check(&[
        // A byte order mark, which .NET and PowerShell write in front of what they encode as UTF-8.
        ("\u{feff}{\"level\":\"error\"}", Some(Error), Unknown, Some(r#"{"level":"error"}"#)),
        // chalk/chalk around a logger's output.
        (
            "\u{1b}[31m{\"level\":\"error\"}\u{1b}[39m\n",
            Some(Error),
            Unknown,
            Some(r#"{"level":"error"}"#),
        ),
        // docker compose and foreman write the process before a line.
        ("web_1  | {\"level\":\"error\"}", Some(Error), Unknown, Some(r#"{"level":"error"}"#)),
        ("shop: {\"level\":50,\"x\":{}}\n", Some(Error), Unknown, Some(r#"{"level":50,"x":{}}"#)),
        // An object in the middle of a message does not count.
        ("a {b} c: {\"level\":30}", Some(Info), Unknown, Some(r#"{"level":30}"#)),
        // A label with more information than the object after it.
        ("failed to take {\"level\":\"info\"}", None, Unknown, Some(r#"{"level":"info"}"#)),
        ("none {}", None, Unknown, None),
        ("half {\"a\":1", None, Unknown, None),
        ("more {\"a\":1} and {\"b\":2} so", None, Unknown, None),
    ]);
}

#[test]
fn the_level_of_invalid_json_is_parsed() {
    check(&[
        // Python's json.dumps writes NaN and Infinity: https://docs.python.org/3/library/json.html
        (
            r#"{"share": NaN, "level": "ERROR", "aws_request_id": "<id>"}"#,
            Some(Error),
            Request,
            None,
        ),
        (
            r#"{"a": [1, -Infinity], "o": {"level": "info"}, "level": "error"}"#,
            Some(Error),
            Unknown,
            None,
        ),
        // An unescaped line break, a trailing comma, a truncated event.
        ("{\"msg\":\"a\nb\",\"level\":\"warn\"}", Some(Warn), Unknown, None),
        (r#"{"level":"warn",}"#, Some(Warn), Unknown, None),
        (r#"{"level":"error","msg":"and so "#, Some(Error), Unknown, None),
        (
            "2024-05-01T10:00:00.000Z\t<id>\tINFO\t{\"level\":\"error\",\"n\":NaN}",
            Some(Error),
            Request,
            None,
        ),
        (r#"{"msg":"\"level\":\"error\"","n":NaN}"#, None, Unknown, None),
        ("{ level: 'error' }", None, Unknown, None),
    ]);
}

#[test]
fn words_of_a_message_are_not_a_level() {
    check(&[
        ("error in the third order", None, Unknown, None),
        ("3 errors and 2 warnings", None, Unknown, None),
        ("the ERROR was mine", None, Unknown, None),
        ("Information about the order", None, Unknown, None),
        ("<id> is the order's", None, Unknown, None),
        ("order=7 level=high", None, Unknown, None),
        ("[orders] info about it", None, Unknown, None),
        ("[log] error in it", None, Unknown, None),
        ("CONFIG is loaded", None, Unknown, None),
        ("E0501 is the shelf", None, Unknown, None),
        ("  at com.shop.Orders.take(Orders.java:7)", None, Unknown, None),
        ("[[[[", None, Unknown, None),
        ("[", None, Unknown, None),
        ("- - - -", None, Unknown, None),
        ("", None, Unknown, None),
    ]);
}

#[test]
fn extensions_and_their_subscriptions_are_platform_log_events() {
    for (message, level) in [
        // Public logs of the Logs API.
        ("LOGS\tName: agent\tState: Subscribed\tTypes: [platform,function]\n", None),
        ("TELEMETRY\tName: agent\tState: Subscribed\tTypes: [Platform, Function, Extension]", None),
        ("EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE, SHUTDOWN]", None),
        // Public logs: an extension that may not be executed, and one that exited.
        (
            "EXTENSION\tName: agent\tState: LaunchError\tEvents: []\tError Type: PermissionDenied\n",
            Some(Error),
        ),
        ("EXTENSION\tName: agent\tState: ExitError\tEvents: []", Some(Error)),
        // https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
        (
            r#"{"time":"t","type":"platform.extension","record":{"name":"agent","state":"Ready","events":[]}}"#,
            None,
        ),
        (
            r#"{"time":"t","type":"platform.extension","record":{"name":"agent","state":"LaunchError","events":[],"errorType":"PermissionDenied"}}"#,
            Some(Error),
        ),
    ] {
        let line = Line::parse(message);
        assert_eq!((line.kind, line.level), (Kind::Extension, level), "{message}");
    }
    assert_eq!(Line::parse("LOGS of the day").kind, Kind::Application);
}

proptest! {
    #[test]
    fn any_string_is_parsed_without_a_panic(text in ".*") {
        Line::parse(&text);
    }

    #[test]
    fn messages_that_begin_like_a_known_form_are_parsed_without_a_panic(
        start in prop::sample::select(vec![
            "START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "RequestId: ", "[ERROR]\t",
            "INIT_START ", "EXTENSION\t", "2023-11-06T10:00:00.000Z\t", "2023-11-06T10:00:00.000Z ",
            "{\"type\":\"platform.report\",\"record\":", "{\"level\":", "[",
        ]),
        rest in "[\\PC\t\n:{}\"0-9a-f-]*",
    ) {
        let text = format!("{start}{rest}");
        let line = Line::parse(&text);
        if let Some(json) = line.json {
            prop_assert!(text.contains(json));
        }
    }
}

#[test]
fn request_ids_and_times_are_recognized_by_their_form() {
    assert!(!is_request_id("8f507cfc-xmpl-4697-b07a-ac58fc914c95"));
    assert!(is_request_id("8f507cfc-1234-4697-b07a-ac58fc914c95"));
    assert!(is_timestamp("2023-11-06T10:00:00.000Z"));
    assert!(is_timestamp("2023-11-06T10:00:00Z"));
    assert!(!is_timestamp("2023-11-06 10:00:00.000Z"));
    assert!(!is_timestamp("2023-11-06T10:00:00.000"));
    assert!(!is_timestamp("2023-11-06T10:00:00 Z"));
    assert!(!is_timestamp("a text as long as a date Z"));
}
