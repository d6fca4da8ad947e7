# Everything that an operator has to act on. docs/guides/failures.md says what each means and who acts.

locals {
  function_dimensions = { FunctionName = aws_lambda_function.enforcer.function_name }
  # Metrics of AWS's own, and after how many periods of five minutes they are an alarm.
  aws_alarms = {
    errors            = { namespace = "AWS/Lambda", metric = "Errors", statistic = "Sum", periods = 1, dimensions = local.function_dimensions, description = "Invocations fail: see the error in the enforcer's summary line." }
    throttles         = { namespace = "AWS/Lambda", metric = "Throttles", statistic = "Sum", periods = 1, dimensions = local.function_dimensions, description = "More events than the enforcer's concurrency admits. They wait in the queue." }
    recursion         = { namespace = "AWS/Lambda", metric = "RecursiveInvocationsDropped", statistic = "Sum", periods = 1, dimensions = local.function_dimensions, description = "Lambda stopped a sweep that continues: allow recursion for the function." }
    events            = { namespace = "AWS/Events", metric = "FailedInvocations", statistic = "Sum", periods = 1, dimensions = { RuleName = aws_cloudwatch_event_rule.created.name }, description = "EventBridge could not send events of new log groups to the queue." }
    schedule          = { namespace = "AWS/Events", metric = "FailedInvocations", statistic = "Sum", periods = 1, dimensions = { RuleName = aws_cloudwatch_event_rule.sweep.name }, description = "EventBridge could not start a sweep." }
    queue             = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", periods = 3, dimensions = { QueueName = aws_sqs_queue.created.name }, description = "New log groups wait that the enforcer could not subscribe." }
    dead-letter-queue = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", periods = 1, dimensions = { QueueName = aws_sqs_queue.dead.name }, description = "New log groups could not be subscribed in all attempts, and are not retried any more." }
  }

  # Metrics that the enforcer writes for each kind of task: docs/enforcer.md has all of them.
  enforcer_metrics = {
    failed            = { tasks = ["creation", "sweep"], description = "Log groups could not be subscribed, or their retention not be set." }
    failed_backfills  = { tasks = ["creation", "sweep"], description = "What new log groups had before their filter is not forwarded: the queue of slices does not accept messages." }
    failed_listings   = { tasks = ["sweep"], description = "A sweep could not list log groups." }
    failed_tag_tables = { tasks = ["sweep"], description = "A sweep could not write tags for the shipper, which goes on with the former ones." }
    unannounced       = { tasks = ["sweep"], description = "Only the sweep finds new log groups: the trail, the rule or the queue is off." }
    unfinished        = { tasks = ["sweep"], description = "A sweep left log groups that no other invocation evaluates." }
  }
  enforcer_alarms = merge([
    for metric, alarm in local.enforcer_metrics : {
      for task in alarm.tasks : "${task}-${metric}" => { task = task, metric = metric }
    }
  ]...)

  alarms = concat(
    values(aws_cloudwatch_metric_alarm.aws),
    values(aws_cloudwatch_metric_alarm.enforcer),
    aws_cloudwatch_metric_alarm.unswept,
    aws_cloudwatch_metric_alarm.undecodable,
  )
}

resource "aws_cloudwatch_metric_alarm" "aws" {
  for_each = { for name, alarm in local.aws_alarms : name => alarm if var.create_alarms }

  region              = var.region
  alarm_name          = "${var.name}-enforcer-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "enforcer" {
  for_each = { for name, alarm in local.enforcer_alarms : name => alarm if var.create_alarms }

  region            = var.region
  alarm_name        = "${var.name}-enforcer-${each.key}"
  alarm_description = local.enforcer_metrics[each.value.metric].description
  namespace         = local.metrics_namespace
  metric_name       = each.value.metric
  dimensions = {
    function = aws_lambda_function.enforcer.function_name
    task     = each.value.task
  }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

# A sweep that does not happen finds nothing: no data is an alarm, also in the first hours of a new function.
resource "aws_cloudwatch_metric_alarm" "unswept" {
  count = var.create_alarms ? 1 : 0

  region            = var.region
  alarm_name        = "${var.name}-enforcer-unswept"
  alarm_description = "There was no sweep for three hours: the schedule, the queue or the enforcer is off."
  namespace         = local.metrics_namespace
  metric_name       = "evaluated"
  dimensions = {
    function = aws_lambda_function.enforcer.function_name
    task     = "sweep"
  }
  statistic           = "SampleCount"
  period              = 3600
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

# Messages that are no events of new log groups belong to no task: the summary line counts them.
resource "aws_cloudwatch_log_metric_filter" "undecodable" {
  region         = var.region
  name           = "undecodable"
  log_group_name = aws_cloudwatch_log_group.enforcer.name
  pattern        = "{ $.logagg = \"enforced\" && $.undecodable > 0 }"

  metric_transformation {
    namespace = local.metrics_namespace
    name      = "${var.name}-enforcer-undecodable"
    value     = "$.undecodable"
  }
}

resource "aws_cloudwatch_metric_alarm" "undecodable" {
  count = var.create_alarms ? 1 : 0

  region              = var.region
  alarm_name          = "${var.name}-enforcer-undecodable"
  alarm_description   = "The enforcer receives messages that it cannot decode: look at what else sends to its queue."
  namespace           = local.metrics_namespace
  metric_name         = aws_cloudwatch_log_metric_filter.undecodable.metric_transformation[0].name
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}
