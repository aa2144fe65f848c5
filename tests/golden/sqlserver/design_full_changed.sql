-- create
IF OBJECT_ID(N'[silver].[sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[sessions] (
    [id] bigint NOT NULL,
    [user_id] nvarchar(20) NULL,
    [watched] date NULL,
    [minutes] int NULL,
    [note] nvarchar(max) NULL,
    CONSTRAINT [PK_silver_sessions] PRIMARY KEY CLUSTERED ([id]) WITH (DATA_COMPRESSION = PAGE)
);
END;

-- reconcile
DROP INDEX IF EXISTS [mdl_sessions_00000000] ON [silver].[sessions];

-- reconcile
ALTER TABLE [silver].[sessions] DROP COLUMN [hours];

-- reconcile
ALTER TABLE [silver].[sessions] ADD [hours] AS (minutes / 60.0);

-- reconcile
ALTER TABLE [silver].[sessions] ADD [evening] AS (CASE WHEN minutes > 90 THEN N'long' ELSE N'it''s short' END);

-- reconcile
EXEC sys.sp_addextendedproperty N'mdl_definition', N'a2271d72', N'SCHEMA', N'silver', N'TABLE', N'sessions', N'COLUMN', N'hours';

-- reconcile
EXEC sys.sp_addextendedproperty N'mdl_definition', N'0e8ac8e1', N'SCHEMA', N'silver', N'TABLE', N'sessions', N'COLUMN', N'evening';

-- reconcile
ALTER TABLE [silver].[sessions] REBUILD WITH (DATA_COMPRESSION = PAGE);

-- reconcile
CREATE NONCLUSTERED INDEX [mdl_sessions_4b776534] ON [silver].[sessions] ([watched] DESC, [user_id]) INCLUDE ([minutes]) WITH (DATA_COMPRESSION = PAGE);

-- reconcile
CREATE NONCLUSTERED INDEX [mdl_recent_d81f72d7] ON [silver].[sessions] ([user_id]) WHERE watched >= '2024-01-01' AND minutes IS NOT NULL WITH (DATA_COMPRESSION = PAGE);

-- reconcile
CREATE UNIQUE NONCLUSTERED INDEX [mdl_sessions_cb77e8a8] ON [silver].[sessions] ([user_id], [watched]) WITH (DATA_COMPRESSION = PAGE);

-- reconcile
CREATE NONCLUSTERED INDEX [mdl_sessions_de5ad939] ON [silver].[sessions] ([hours]) WITH (DATA_COMPRESSION = PAGE);

-- reconcile
ALTER TABLE [silver].[sessions] DROP CONSTRAINT [mdl_df_sessions_minutes_00000000];
ALTER TABLE [silver].[sessions] ADD CONSTRAINT [mdl_df_sessions_minutes_c8923ad8] DEFAULT (0) FOR [minutes];

-- reconcile
ALTER TABLE [silver].[sessions] ADD CONSTRAINT [mdl_df_sessions_watched_206af09b] DEFAULT (CAST(SYSUTCDATETIME() AS date)) FOR [watched];

-- reconcile
ALTER TABLE [silver].[sessions] DROP CONSTRAINT [mdl_df_sessions_note_00000000];

-- reconcile
EXEC sys.sp_updateextendedproperty N'MS_Description', N'Each session', N'SCHEMA', N'silver', N'TABLE', N'sessions';

-- reconcile
EXEC sys.sp_addextendedproperty N'MS_Description', N'Who watched, from ''users''', N'SCHEMA', N'silver', N'TABLE', N'sessions', N'COLUMN', N'user_id';

-- release
ALTER TABLE [silver].[sessions] DROP CONSTRAINT [mdl_fk_sessions_11111111];

-- release
ALTER TABLE [silver].[views] DROP CONSTRAINT [mdl_fk_sessions_00000000];

-- release
ALTER TABLE [silver].[views] DROP CONSTRAINT [mdl_fk_sessions_22222222];

-- bind
IF OBJECT_ID(N'[silver].[users]', N'U') IS NOT NULL
    ALTER TABLE [silver].[sessions] WITH CHECK ADD CONSTRAINT [mdl_fk_sessions_fd7567b8] FOREIGN KEY ([user_id]) REFERENCES [silver].[users] ([id]);

-- bind
ALTER TABLE [silver].[views] WITH NOCHECK ADD CONSTRAINT [mdl_fk_sessions_00000000] FOREIGN KEY ([session_id]) REFERENCES [silver].[sessions] ([id]);

-- bind
ALTER TABLE [silver].[views] WITH NOCHECK ADD CONSTRAINT [mdl_fk_sessions_22222222] FOREIGN KEY ([session_id]) REFERENCES [silver].[sessions] ([id]);

-- bind
ALTER TABLE [silver].[views] NOCHECK CONSTRAINT [mdl_fk_sessions_22222222];

-- permit
IF DATABASE_PRINCIPAL_ID(N'readers') IS NULL CREATE ROLE [readers];

-- permit
IF DATABASE_PRINCIPAL_ID(N'data_analyst') IS NULL CREATE ROLE [data_analyst];

-- permit
IF DATABASE_PRINCIPAL_ID(N'interns') IS NULL CREATE ROLE [interns];

-- permit
GRANT SELECT ON OBJECT::[silver].[sessions] TO [readers];

-- permit
GRANT SELECT ON OBJECT::[dbo].[sessions] TO [readers];

-- permit
DENY SELECT ON OBJECT::[silver].[sessions] ([user_id]) TO [data_analyst];

-- permit
DENY SELECT ON OBJECT::[silver].[sessions] ([note]) TO [data_analyst];

-- permit
DENY SELECT ON OBJECT::[dbo].[sessions] ([user_id]) TO [data_analyst];

-- permit
DENY SELECT ON OBJECT::[dbo].[sessions] ([note]) TO [data_analyst];

-- permit
DENY SELECT ON OBJECT::[silver].[sessions] TO [interns];

-- permit
DENY SELECT ON OBJECT::[dbo].[sessions] TO [interns];

-- tidy
DECLARE @drop nvarchar(max);
SELECT @drop = STRING_AGG(CAST(N'DROP PARTITION SCHEME ' + QUOTENAME([s].[name]) + N'; DROP PARTITION FUNCTION ' + QUOTENAME([f].[name]) + N';' AS nvarchar(max)), N' ')
FROM sys.partition_schemes AS [s]
INNER JOIN sys.partition_functions AS [f] ON [f].[function_id] = [s].[function_id]
WHERE LEFT([s].[name], 7) = N'mdl_ps_'
    AND NOT EXISTS (SELECT 1 FROM sys.indexes AS [i] WHERE [i].[data_space_id] = [s].[data_space_id]);
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;
