//! Limits that AWS has and the emulated services lack.

use super::*;

async fn queue(aws: &Aws) -> &'static str {
    aws.call("AmazonSQS.CreateQueue", &json!({"QueueName": "q"})).await.unwrap();
    "http://127.0.0.1/123456789012/q"
}

fn entries(count: usize, bytes: usize) -> Value {
    let body = "x".repeat(bytes);
    (0..count).map(|id| json!({"Id": id.to_string(), "MessageBody": body})).collect()
}

#[tokio::test]
async fn batches_are_limited_in_entries_and_bytes() {
    let aws = Aws::new();
    let url = queue(&aws).await;
    let send = async |entries: Value| {
        let request = json!({"QueueUrl": url, "Entries": entries});
        aws.call("AmazonSQS.SendMessageBatch", &request).await.map_err(|error| error.to_string())
    };
    assert!(send(entries(10, 100)).await.is_ok());
    assert!(send(entries(11, 1)).await.unwrap_err().contains("TooManyEntriesInBatchRequest"));
    assert!(send(entries(0, 1)).await.unwrap_err().contains("EmptyBatchRequest"));
    assert!(send(entries(2, 600_000)).await.unwrap_err().contains("BatchRequestTooLong"));
    let message = json!({"QueueUrl": url, "MessageBody": "x".repeat(1_048_577)});
    let error = aws.call("AmazonSQS.SendMessage", &message).await.unwrap_err();
    assert!(error.to_string().contains("InvalidParameterValue"));
}

#[tokio::test]
async fn a_secret_is_clear_only_with_decryption() {
    let aws = Aws::new();
    let parameter =
        |name: &str| Parameter { name: name.to_owned(), value: format!("value of {name}") };
    aws.put_secret(&parameter("/key")).await.unwrap();
    aws.put_parameter(&parameter("/plain")).await.unwrap();
    let get = async |decrypt: bool| {
        let request = json!({"Names": ["/key", "/plain"], "WithDecryption": decrypt});
        aws.call("AmazonSSM.GetParameters", &request).await.unwrap().to_string()
    };
    let (masked, clear) = (get(false).await, get(true).await);
    assert!(!masked.contains("value of /key") && masked.contains("value of /plain"), "{masked}");
    assert!(clear.contains("value of /key"));
    let single = aws.call("AmazonSSM.GetParameter", &json!({"Name": "/key"})).await.unwrap();
    assert!(!single.to_string().contains("value of /key"));
}

#[tokio::test]
async fn eleven_parameters_are_too_many_for_one_request() {
    let aws = Aws::new();
    let names = |count: u32| -> Value { (0..count).map(|n| format!("/{n}")).collect() };
    let get = async |count: u32| {
        aws.call("AmazonSSM.GetParameters", &json!({"Names": names(count)})).await
    };
    assert!(get(10).await.is_ok());
    assert!(get(11).await.unwrap_err().to_string().contains("ValidationException"));
}

#[tokio::test]
async fn a_service_that_is_not_here_says_so() {
    let error = Aws::new().call("AWSKMS.Decrypt", &json!({})).await.unwrap_err();
    assert!(error.to_string().contains("AWSKMS.Decrypt"));
}
