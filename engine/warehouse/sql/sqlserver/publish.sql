SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT {{ lock_timeout_ms }};
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = {{ resource | literal }}, @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = {{ lock_timeout_ms }};
    IF @lock < 0
        THROW 50001, {{ ("another load is publishing " ~ table) | message }}, 1;
{{ statements }}
{%- if held %}
{%- if supersede %}
    UPDATE {{ quarantined }} SET [state] = N'superseded' WHERE [state] = N'held';
{%- endif %}
    INSERT INTO {{ quarantined }} ({{ quarantine | names }})
    SELECT {{ quarantine | names }} FROM {{ held }};
{%- endif %}
    {{ ledger_sql }}
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed];
