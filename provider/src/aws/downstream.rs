//! What CloudWatch Logs delivers to: who works there, and where they log.

use aws_sdk_firehose::types as firehose;
use aws_sdk_pipes::types as pipes;

use super::reader::without_list;
use super::{CallError, Operation, Reader};

/// Where a Firehose stream logs, and who transforms what it delivers.
#[derive(Debug, Default)]
pub(crate) struct DeliveryStream {
    pub(crate) log_groups: Vec<String>,
    pub(crate) function_arns: Vec<String>,
}

impl Reader {
    /// The log group that a function writes to, where it names one.
    pub(crate) async fn log_group_of_function(
        &self,
        function_arn: &str,
    ) -> Result<Option<String>, CallError> {
        let answer = self
            .call(Operation::GetFunctionConfiguration, || {
                self.region.lambda.get_function_configuration().function_name(function_arn).send()
            })
            .await?;
        Ok(answer.logging_config.and_then(|logging| logging.log_group))
    }

    /// The functions that Lambda feeds from a stream, or from one of its registered consumers.
    pub(crate) async fn functions_reading(&self, source: &str) -> Result<Vec<String>, CallError> {
        let operation = Operation::ListEventSourceMappings;
        let mut functions = Vec::new();
        let ask = |marker| {
            let request = self.region.lambda.list_event_source_mappings();
            request.event_source_arn(source).set_marker(marker).send()
        };
        self.pages(operation, ask, |answer| {
            let mappings = answer.event_source_mappings.ok_or_else(|| without_list(operation))?;
            functions.extend(mappings.into_iter().filter_map(|mapping| mapping.function_arn));
            // An empty marker is the end too.
            Ok(answer.next_marker.filter(|marker| !marker.is_empty()))
        })
        .await?;
        Ok(functions)
    }

    /// The registered consumers of a Kinesis stream.
    pub(crate) async fn stream_consumers(
        &self,
        stream_arn: &str,
    ) -> Result<Vec<String>, CallError> {
        let operation = Operation::ListStreamConsumers;
        let mut consumers = Vec::new();
        let ask = |token| {
            let request = self.region.kinesis.list_stream_consumers();
            request.stream_arn(stream_arn).set_next_token(token).send()
        };
        self.pages(operation, ask, |answer| {
            let page = answer.consumers.ok_or_else(|| without_list(operation))?;
            consumers.extend(page.into_iter().map(|consumer| consumer.consumer_arn));
            Ok(answer.next_token)
        })
        .await?;
        Ok(consumers)
    }

    /// A Firehose stream, whatever it delivers to.
    pub(crate) async fn delivery_stream(&self, name: &str) -> Result<DeliveryStream, CallError> {
        let mut stream = DeliveryStream::default();
        for destination in self.described(name).await?.destinations {
            stream.take(destination);
        }
        Ok(stream)
    }

    async fn described(
        &self,
        delivery_stream: &str,
    ) -> Result<firehose::DeliveryStreamDescription, CallError> {
        let operation = Operation::DescribeDeliveryStream;
        let ask = || {
            let request = self.region.firehose.describe_delivery_stream();
            request.delivery_stream_name(delivery_stream).send()
        };
        let answer = self.call(operation, ask).await?;
        answer.delivery_stream_description.ok_or_else(|| without_list(operation))
    }

    /// The names of the Firehose streams that read a Kinesis stream, whichever it is.
    pub(crate) async fn delivery_streams_with_source(&self) -> Result<Vec<String>, CallError> {
        const MOST: i32 = 10_000;
        let operation = Operation::ListDeliveryStreams;
        let mut names = Vec::new();
        let ask = |last| {
            let request = self.region.firehose.list_delivery_streams().limit(MOST);
            let request =
                request.delivery_stream_type(firehose::DeliveryStreamType::KinesisStreamAsSource);
            request.set_exclusive_start_delivery_stream_name(last).send()
        };
        self.pages(operation, ask, |answer| {
            names.extend(answer.delivery_stream_names);
            // It goes on behind the last name, which is its token.
            Ok(names.last().filter(|_| answer.has_more_delivery_streams).cloned())
        })
        .await?;
        Ok(names)
    }

    /// The ARN of the Kinesis stream that a Firehose stream reads, if it reads one.
    pub(crate) async fn source_of_delivery_stream(
        &self,
        name: &str,
    ) -> Result<Option<String>, CallError> {
        let source = self.described(name).await?.source;
        let kinesis = source.and_then(|source| source.kinesis_stream_source_description);
        Ok(kinesis.and_then(|kinesis| kinesis.kinesis_stream_arn))
    }

    /// The ARNs of the pipes that read a stream.
    pub(crate) async fn pipes_reading(&self, source: &str) -> Result<Vec<String>, CallError> {
        let operation = Operation::ListPipes;
        let mut arns = Vec::new();
        let ask = |token| {
            let request = self.region.pipes.list_pipes().source_prefix(source);
            request.set_next_token(token).send()
        };
        self.pages(operation, ask, |answer| {
            let pipes = answer.pipes.ok_or_else(|| without_list(operation))?.into_iter();
            // Another stream's name may begin with this one's.
            let reading = pipes.filter(|pipe| pipe.source.as_deref() == Some(source));
            arns.extend(reading.filter_map(|pipe| pipe.arn));
            Ok(answer.next_token)
        })
        .await?;
        Ok(arns)
    }

    /// The ARNs of what a pipe has its events enriched by, delivers to and logs to.
    pub(crate) async fn pipe(&self, name: &str) -> Result<Vec<String>, CallError> {
        let ask = || self.region.pipes.describe_pipe().name(name).send();
        let pipe = self.call(Operation::DescribePipe, ask).await?;
        let logging = pipe.log_configuration;
        let logging = logging.filter(|logging| logging.level != Some(pipes::LogLevel::Off));
        let (log_group, firehose) = logging.map_or((None, None), |logging| {
            let log_group = logging.cloudwatch_logs_log_destination;
            let firehose = logging.firehose_log_destination;
            (
                log_group.and_then(|logs| logs.log_group_arn),
                firehose.and_then(|firehose| firehose.delivery_stream_arn),
            )
        });
        Ok([pipe.enrichment, pipe.target, log_group, firehose].into_iter().flatten().collect())
    }

    /// Where a CloudWatch Logs destination of this account delivers, if there is one of that name.
    pub(crate) async fn target_of_destination(
        &self,
        name: &str,
    ) -> Result<Option<String>, CallError> {
        let operation = Operation::DescribeDestinations;
        let mut found = None;
        let ask = |token| {
            let request = self.region.logs.describe_destinations();
            request.destination_name_prefix(name).set_next_token(token).send()
        };
        self.pages(operation, ask, |answer| {
            let destinations = answer.destinations.ok_or_else(|| without_list(operation))?;
            found = destinations
                .into_iter()
                .find(|destination| destination.destination_name.as_deref() == Some(name));
            Ok(answer.next_token.filter(|_| found.is_none()))
        })
        .await?;
        Ok(found.map(|destination| destination.target_arn.unwrap_or_default()))
    }
}

impl DeliveryStream {
    fn take(&mut self, destination: firehose::DestinationDescription) {
        self.log(destination.s3_destination_description.and_then(logging_of_bucket));
        // Every kind but the oldest has a transformer, and a bucket for what it could not deliver.
        macro_rules! take {
            ($($kind:ident { $($bucket:ident),+ })+) => {$(
                if let Some(kind) = destination.$kind {
                    self.log(kind.cloud_watch_logging_options);
                    self.transform(kind.processing_configuration);
                    $(self.log(kind.$bucket.and_then(logging_of_bucket));)+
                }
            )+};
        }
        take! {
            extended_s3_destination_description { s3_backup_description }
            redshift_destination_description { s3_destination_description, s3_backup_description }
            elasticsearch_destination_description { s3_destination_description }
            amazonopensearchservice_destination_description { s3_destination_description }
            splunk_destination_description { s3_destination_description }
            http_endpoint_destination_description { s3_destination_description }
            snowflake_destination_description { s3_destination_description }
            amazon_open_search_serverless_destination_description { s3_destination_description }
            iceberg_destination_description { s3_destination_description }
        }
    }

    fn log(&mut self, options: Option<firehose::CloudWatchLoggingOptions>) {
        let enabled = options.filter(|options| options.enabled == Some(true));
        self.log_groups.extend(enabled.and_then(|options| options.log_group_name));
    }

    fn transform(&mut self, processing: Option<firehose::ProcessingConfiguration>) {
        let enabled = processing.filter(|processing| processing.enabled == Some(true));
        let processors = enabled.and_then(|processing| processing.processors);
        let parameters = processors.into_iter().flatten().filter_map(|one| one.parameters);
        self.function_arns.extend(
            parameters
                .flatten()
                .filter(|one| one.parameter_name == firehose::ProcessorParameterName::LambdaArn)
                .map(|one| one.parameter_value),
        );
    }
}

fn logging_of_bucket(
    bucket: firehose::S3DestinationDescription,
) -> Option<firehose::CloudWatchLoggingOptions> {
    bucket.cloud_watch_logging_options
}
