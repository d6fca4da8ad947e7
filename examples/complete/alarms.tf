# What somebody has to look at: docs/guides/failures.md tells what each means and who acts.

locals {
  queues = {
    created          = "New log groups wait that the enforcer could not subscribe."
    dead             = "New log groups could not be subscribed in all attempts. Nothing retries them any more."
    undelivered-dead = "Events could not be delivered in all attempts. They are in the bucket; move the messages back once the reason is gone."
  }
  # What Lambda counts for each function.
  lambda_metrics = {
    shipper = {
      Errors                      = "Invocations fail: events were neither delivered nor stored."
      Throttles                   = "More events than the shipper's concurrency takes. They wait up to six hours."
      AsyncEventsDropped          = "Events were discarded."
      DestinationDeliveryFailures = "Lambda could not record a failed event in the bucket."
    }
    enforcer = {
      Errors                      = "Invocations fail: see the error in the enforcer's summary line."
      Throttles                   = "More events than the enforcer's concurrency takes. They wait in the queue."
      RecursiveInvocationsDropped = "Lambda has stopped a sweep that continues: allow recursion for the function."
    }
  }
  lambda_alarms = merge([
    for function, metrics in local.lambda_metrics : {
      for metric, description in metrics :
      "${function}-${metric}" => { function = function, metric = metric, description = description }
    }
  ]...)
  functions = {
    shipper  = aws_lambda_function.shipper.function_name
    enforcer = aws_lambda_function.enforcer.function_name
  }
  # What the enforcer counts itself, for each kind of task: docs/enforcer.md has all of its metrics.
  enforcer_metrics = {
    failed          = { tasks = ["creation", "sweep"], description = "Log groups could not be given what they lack." }
    failed_listings = { tasks = ["sweep"], description = "A sweep could not list log groups." }
    unannounced     = { tasks = ["sweep"], description = "Only the sweep finds new log groups: the trail, the rule or the queue is off." }
    unfinished      = { tasks = ["sweep"], description = "A sweep left log groups over that no other invocation looks at." }
  }
  enforcer_alarms = merge([
    for metric, alarm in local.enforcer_metrics : {
      for task in alarm.tasks : "${task}-${metric}" => { task = task, metric = metric }
    }
  ]...)
  # What the shipper counts itself, for each destination: docs/shipper.md has all of its metrics.
  metrics_namespace = "logagg"
  destination_metrics = {
    refused            = "The destination rejects events. They are in the bucket, the reasons in the shipper's log."
    stored             = "The destination does not take what is sent. It waits in the bucket and is retried."
    returned_to_source = "Events could not even be stored. Lambda has them, for two more attempts."
  }
  # What it counts once an hour.
  undelivered_metrics = {
    undelivered_without_pointer     = "Stored events are older than an hour and have no message in the queue: replay them."
    undelivered_without_destination = "Stored events are for a destination that is not configured."
  }
  destination_alarms = {
    for pair in setproduct(keys(var.destinations), keys(local.destination_metrics)) :
    join("-", pair) => { destination = pair[0], metric = pair[1] }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue" {
  for_each = local.queues

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = "${var.name}-${each.key}" }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "age" {
  alarm_name          = "${var.name}-undelivered-age"
  alarm_description   = "Events wait for more than an hour: a destination is down."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.undelivered.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 60 * 60
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "undelivered" {
  for_each = local.undelivered_metrics

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value
  namespace           = local.metrics_namespace
  metric_name         = each.key
  dimensions          = { function = aws_lambda_function.shipper.function_name }
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "lambda" {
  for_each = local.lambda_alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  dimensions          = { FunctionName = local.functions[each.value.function] }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "enforcer" {
  for_each = local.enforcer_alarms

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
}

resource "aws_cloudwatch_metric_alarm" "destination" {
  for_each = local.destination_alarms

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = local.destination_metrics[each.value.metric]
  namespace         = local.metrics_namespace
  metric_name       = each.value.metric
  dimensions = {
    function    = aws_lambda_function.shipper.function_name
    destination = each.value.destination
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "lag" {
  alarm_name          = "${var.name}-lag"
  alarm_description   = "Lines arrive more than a quarter of an hour after they were written."
  namespace           = local.metrics_namespace
  metric_name         = "lag_ms"
  dimensions          = { function = aws_lambda_function.shipper.function_name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 15 * 60 * 1000
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
